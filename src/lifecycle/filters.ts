import { invalid } from "../contract/errors.js";
import { readObject } from "../validation/validate.js";

/**
 * The options for the lists of a lifecycle, which knows fields by name (`by`), made of those of a wrapper, which has an option
 * for each.
 */
export function withFields<T extends object, Field extends string>(
  options: (T & { readonly [Filter in Field]?: string }) | undefined,
  fields: readonly Field[],
): (Omit<T, Field> & { readonly by?: Readonly<Record<string, string>> }) | undefined {
  if (options === undefined) return undefined;
  const given: Record<string, unknown> = { ...readObject(options, "options") };
  if ("by" in given) throw invalid("by", "left out: each field has an option of its own");
  const by: Record<string, unknown> = {};
  for (const name of fields) {
    if (!(name in given)) continue;
    by[name] = given[name];
    delete given[name];
  }
  return { ...given, ...(Object.keys(by).length === 0 ? {} : { by }) } as never;
}
