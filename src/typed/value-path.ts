const MAX_STEPS = 12;
const NAME = /^[A-Za-z_$][\w$]{0,39}$/;

/**
 * The path of a member in a value, as a program would write it: `value.a[1].b`. A property name that is no identifier
 * might be data, so it is shown as `[a name]`. The middle of a long path is left out.
 */
export function valuePath(field: string, members: readonly PropertyKey[]): string {
  const steps = members.map((member) => {
    if (typeof member === "number") return `[${member}]`;
    return typeof member === "string" && NAME.test(member) ? `.${member}` : "[a name]";
  });
  const shown = steps.length > MAX_STEPS ? [...steps.slice(0, 6), "...", ...steps.slice(-6)] : steps;
  return field + shown.join("");
}
