import { invalid, type StateError } from "../contract/errors.js";

const NAME = /^[A-Za-z_$][\w$]{0,39}$/;

/** INVALID_RECORD for an unknown name. The message contains it only if it looks like an identifier: others might be data. */
export function unknownName(
  field: string,
  name: string,
  known: readonly string[],
): StateError<"INVALID_RECORD"> {
  const fields = `its fields are ${known.join(", ")}`;
  if (!NAME.test(name)) return invalid(field, `an object without other fields: ${fields}`);
  const closest = known.find((each) => isTypoOf(normalized(each), normalized(name)));
  const advice = closest === undefined ? "" : ` (did you mean ${closest}?)`;
  return invalid(field, `an object without ${name}${advice}: ${fields}`);
}

/** Makes `promptTokens` and `prompt_tokens` equal. */
function normalized(name: string): string {
  return name.toLowerCase().replaceAll("_", "");
}

/** Whether two names are equal, one is a prefix of the other, or one letter is added, missing or wrong. */
function isTypoOf(one: string, other: string): boolean {
  if (one.startsWith(other) || other.startsWith(one)) return true;
  let same = 0;
  while (same < one.length && one[same] === other[same]) same++;
  const [rest, otherRest] = [one.slice(same), other.slice(same)];
  return rest.slice(1) === otherRest.slice(1) || rest.slice(1) === otherRest || rest === otherRest.slice(1);
}
