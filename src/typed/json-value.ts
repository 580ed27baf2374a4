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
 * `undefined` in arrays, arrays with names, Maps, Dates and other objects of a class. Properties that are `undefined` are
 * left out, and -0 becomes 0. With `toJSON`, an object that has this method stands for what it returns.
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
        // Adding 0 turns -0 into 0.
        return part + 0;
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
    if (toJSON === "called") {
      const { toJSON: method } = part as { toJSON?: unknown };
      if (typeof method === "function") return copy(method.call(part));
    }
    if (Object.getOwnPropertySymbols(part).length > 0) {
      throw invalid(field, "JSON: a name that is a symbol has no form in it");
    }
    return Array.isArray(part) ? copyElements(part) : copyProperties(part);
  }

  function copyElements(part: readonly unknown[]): JsonValue {
    // Array.prototype inherits as an object literal does; that of a class inherits from it.
    if (!isPlain(Object.getPrototypeOf(part))) throw invalid(field, "JSON: arrays, not those of a class");
    // By index, for a hole is a missing element too.
    const copied = Array.from({ length: part.length }, (_, index) => copy(part[index]));
    if (Object.keys(part).length > copied.length) throw invalid(field, "JSON: arrays without names");
    return copied;
  }

  function copyProperties(part: object): JsonValue {
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
function isPlain(value: object | null): boolean {
  if (value === null || Symbol.toStringTag in value) return false;
  const prototype = Object.getPrototypeOf(value) as object | null;
  if (prototype === null) return true;
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, "isPrototypeOf");
}
