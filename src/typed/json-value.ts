import { invalid } from "../errors.js";
import { typeMet } from "../type-met.js";
import { valuePath } from "./value-path.js";

/** What JSON can say, and a reader gets back as it was. */
export type JsonValue =
  | null
  | boolean
  | number
  | string
  | readonly JsonValue[]
  | { readonly [name: string]: JsonValue };

/**
 * What is taken for JSON: also what an `interface` describes, which has no index signature. That every part of it has a
 * form in JSON is looked at when it is written.
 */
export type JsonInput = null | boolean | number | string | JsonObjectInput;

/** An object or array, and not one of the classes that the language brings along. */
export type JsonObjectInput = { readonly [name: string]: JsonValue } | (object & NotOfAClass);

/** What Dates, functions, Maps, Sets, promises, buffers and regular expressions have. */
interface NotOfAClass {
  readonly [Symbol.toPrimitive]?: never;
  readonly [Symbol.hasInstance]?: never;
  readonly [Symbol.toStringTag]?: never;
  readonly [Symbol.match]?: never;
}

/** What may be written where `T` is read: all of JSON where that is what `T` is. */
export type JsonInputOf<T> = JsonValue extends T ? JsonInput : T;

const MOST_LEVELS = 500;

/**
 * A copy of a value as JSON carries it, each property read once. What would come back as something else is
 * INVALID_RECORD naming `field`, and where in it what was met (`value.a[1].b is a Date`): NaN and the infinities, bigints, functions, symbols, cycles, lone surrogates, holes and
 * `undefined` in arrays, arrays with names, Maps, Dates and other objects of a class. Properties that are `undefined` are
 * left out, and -0 becomes 0. With `toJSON`, an object that has this method stands for what it returns. What is certain
 * to take more than `mostBytes` is refused as soon as that is known, and the rest of it is not looked at.
 */
export function copyJson(
  value: unknown,
  field: string,
  toJSON: "refused" | "called" = "refused",
  mostBytes: number = Number.POSITIVE_INFINITY,
): JsonValue {
  let bytes = 0;
  const above: object[] = [];
  /** In each of those above, the member that is copied. */
  const members: (string | number)[] = [];

  /** One more part: of a text a byte at least for each of its units, with the quotes, and a mark before or behind it. */
  function count(least: number): void {
    bytes += least;
    if (bytes > mostBytes) throw invalid(field, `smaller: at most ${mostBytes} bytes when it is encoded`);
  }

  function copy(part: unknown): JsonValue {
    count(typeof part === "string" ? part.length + 2 : 1);
    switch (typeof part) {
      case "boolean":
        return part;
      case "string":
        if (!part.isWellFormed()) throw refused("well-formed Unicode", "holds a lone surrogate");
        return part;
      case "number":
        if (!Number.isFinite(part)) throw refused("JSON", `is ${typeMet(part)}`);
        // Adding 0 turns -0 into 0.
        return part + 0;
      case "object":
        return part === null ? null : copyObject(part);
      case "undefined":
        throw refused("JSON", "is undefined: leave it out, or give it null");
      default:
        throw refused("JSON", `is ${typeMet(part)}`);
    }
  }

  function copyObject(part: object): JsonValue {
    if (above.includes(part)) throw refused("JSON", "is one of the objects that it lies in: a cycle");
    if (above.length === MOST_LEVELS) throw invalid(field, `nested at most ${MOST_LEVELS} levels deep`);
    above.push(part);
    const copied = copyMembers(part);
    above.pop();
    return copied;
  }

  function copyMember(part: unknown, member: string | number): JsonValue {
    members[above.length - 1] = member;
    return copy(part);
  }

  function copyMembers(part: object): JsonValue {
    if (toJSON === "called") {
      const { toJSON: method } = part as { toJSON?: unknown };
      if (typeof method === "function") return copy(method.call(part));
    }
    if (Object.getOwnPropertySymbols(part).length > 0)
      throw refusedWhole("JSON", "has a name that is a symbol");
    return Array.isArray(part) ? copyElements(part) : copyProperties(part);
  }

  function copyElements(part: readonly unknown[]): JsonValue {
    // Array.prototype inherits as an object literal does; that of a class inherits from it.
    if (!isPlain(Object.getPrototypeOf(part))) throw refusedWhole("JSON", "is an array of a class");
    // By index, for a hole is a missing element too.
    const copied = Array.from({ length: part.length }, (_, index) => copyMember(part[index], index));
    if (Object.keys(part).length > copied.length) throw refusedWhole("JSON", "is an array with names");
    return copied;
  }

  function copyProperties(part: object): JsonValue {
    if (!isPlain(part)) throw refusedWhole("JSON", `is ${typeMet(part)}, and no plain object`);
    const copied: [string, JsonValue][] = [];
    for (const name of Object.keys(part)) {
      const member: unknown = (part as Record<string, unknown>)[name];
      if (member !== undefined) count(name.length + 3);
      if (!name.isWellFormed())
        throw refusedWhole("well-formed Unicode", "has a name that holds a lone surrogate");
      if (member !== undefined) copied.push([name, copyMember(member, name)]);
    }
    return Object.fromEntries(copied);
  }

  function refused(rule: string, what: string, levels = above.length): Error {
    return invalid(field, `${rule}: ${valuePath(field, members.slice(0, levels))} ${what}`);
  }

  /** Not one of its members, but the object or array that is last of those above. */
  function refusedWhole(rule: string, what: string): Error {
    return refused(rule, what, above.length - 1);
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
