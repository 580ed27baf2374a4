import { invalid } from "../errors.js";

/** What JSON can say, and a reader gets back as it was. */
export type JsonValue =
  | null
  | boolean
  | number
  | string
  | readonly JsonValue[]
  | { readonly [name: string]: JsonValue };

const MOST_LEVELS = 500;

/**
 * A copy of a value as JSON carries it, each property read once. What would come back as something else is
 * INVALID_RECORD naming `field`: NaN and the infinities, bigints, functions, symbols, cycles, lone surrogates, holes and
 * `undefined` in arrays, Maps, Dates and other objects of a class. Properties that are `undefined` are left out. With
 * `toJSON`, an object that has this method stands for what it returns.
 */
export function copyJson(value: unknown, field: string, toJSON: "refused" | "called" = "refused"): JsonValue {
  const above: object[] = [];

  function copy(part: unknown): JsonValue {
    switch (typeof part) {
      case "boolean":
        return part;
      case "string":
        if (!part.isWellFormed()) throw invalid(field, "well-formed Unicode (it holds a lone surrogate)");
        return part;
      case "number":
        if (!Number.isFinite(part)) throw invalid(field, "JSON: NaN and infinite numbers have no form in it");
        return part;
      case "object":
        return part === null ? null : copyObject(part);
      default:
        throw invalid(field, `JSON: a value of type ${typeof part} has no form in it`);
    }
  }

  function copyObject(part: object): JsonValue {
    if (above.includes(part)) throw invalid(field, "JSON: a cycle has no form in it");
    if (above.length === MOST_LEVELS) throw invalid(field, `nested at most ${MOST_LEVELS} levels deep`);
    above.push(part);
    const copied = copyMembers(part);
    above.pop();
    return copied;
  }

  function copyMembers(part: object): JsonValue {
    if (toJSON === "called" && "toJSON" in part && typeof part.toJSON === "function") {
      return copy(part.toJSON());
    }
    // By index, for a hole is a missing element too.
    if (Array.isArray(part)) return Array.from({ length: part.length }, (_, index) => copy(part[index]));
    if (!isPlain(part)) throw invalid(field, "JSON: plain objects, not those of a class");
    const members: [string, JsonValue][] = [];
    for (const name of Object.keys(part)) {
      const member: unknown = (part as Record<string, unknown>)[name];
      if (!name.isWellFormed()) throw invalid(field, "well-formed Unicode (a name holds a lone surrogate)");
      if (member !== undefined) members.push([name, copy(member)]);
    }
    return Object.fromEntries(members);
  }

  return copy(value);
}

/** An object literal, of this realm or of another. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
