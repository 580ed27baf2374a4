const MOST_STEPS = 12;
const NAME = /^[A-Za-z_$][\w$]{0,39}$/;

/**
 * Where in a value something lies, as a program would write it: `value.a[1].b`. A name of another form than those in
 * programs might be data, and stays away; so does the middle of a long way.
 */
export function valuePath(field: string, members: readonly PropertyKey[]): string {
  const steps = members.map((member) => {
    if (typeof member === "number") return `[${member}]`;
    return typeof member === "string" && NAME.test(member) ? `.${member}` : "[a name]";
  });
  const shown = steps.length > MOST_STEPS ? [...steps.slice(0, 6), "...", ...steps.slice(-6)] : steps;
  return field + shown.join("");
}
