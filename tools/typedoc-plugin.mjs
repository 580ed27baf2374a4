import { Converter, ReflectionKind } from "typedoc";
import { publicEntries } from "./public-entries.mjs";

/**
 * A plugin for TypeDoc. Modules are called what they are imported as. Members of type literals, such as the alternatives
 * of a union, need no comment of their own, for the comment of the type speaks of them; those of interfaces do.
 *
 * @param {import("typedoc").Application} app
 */
export function load(app) {
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    const names = new Map(publicEntries.map(({ name, source }) => [source.replace("/index.ts", ""), name]));
    for (const module of project.getReflectionsByKind(ReflectionKind.Module)) {
      module.name = names.get(module.name) ?? module.name;
    }
  });
  app.converter.on(Converter.EVENT_RESOLVE_END, ({ project }) => {
    const members = project.getReflectionsByKind(ReflectionKind.Property);
    const bare = members.filter((member) => isInLiteral(member) && !member.hasComment());
    const names = bare.map((member) => member.getFriendlyFullName());
    app.options.setValue("intentionallyNotDocumented", [...new Set(names)]);
  });
}

/**
 * Of a type that is looked at: those of parameters are not.
 *
 * @param {import("typedoc").Reflection} member
 */
function isInLiteral(member) {
  let isFound = false;
  for (let at = member.parent; at !== undefined; at = at.parent) {
    if (at.kindOf(ReflectionKind.Parameter)) return false;
    isFound ||= at.kindOf(ReflectionKind.TypeLiteral);
  }
  return isFound;
}
