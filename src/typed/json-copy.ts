import { describeType } from "../contract/describe-type.js";
import { invalid } from "../contract/errors.js";
import type { JsonValue } from "./json-value.js";
import { atOnce, firstStepThenSlices, type Steps } from "./slices.js";
import { valuePath } from "./value-path.js";

const MAX_DEPTH = 500;
/** Bytes copied in one step: less than a millisecond of work, because many copies may begin in one event loop turn. */
const STEP_BYTES = 32 * 1024;

/** What is stored in place of a string. `name` is that of its property, where it has one. */
export type Clean = (text: string, name?: string) => string;

/** An object or array that is being copied, and how far the copy has come. */
interface Level {
  readonly part: object;
  /** The object whose members are copied: `part` itself or, if `isCalled`, an array of the one value that `toJSON` returned. */
  readonly source: object;
  /** `toJSON` was called. This level then adds no step to the path that an error names. */
  readonly isCalled: boolean;
  /** The property names of an object; `undefined` for an array. */
  readonly names: readonly string[] | undefined;
  readonly copied: JsonValue[] | Record<string, JsonValue>;
  readonly size: number;
  /** How many members were copied, or begun. */
  taken: number;
}

/**
 * Copies a value as JSON carries it, and reads each property once. A value that JSON would change is INVALID_RECORD,
 * naming `field`, the path and the type (`value.a[1].b is a Date`): NaN and the infinities, bigints, functions, symbols,
 * cycles, lone surrogates, holes and `undefined` in arrays, arrays with named properties, Maps, Dates and other class
 * instances. Properties that are `undefined` are left out, and -0 becomes 0. With `toJSON` "called", an object with this
 * method is replaced by its result. The copy stops with INVALID_RECORD as soon as the value must exceed `maxBytes`. `clean`
 * gives what is stored in place of each string; names of properties stay.
 */
export function copyJson(
  value: unknown,
  field: string,
  toJSON: "refused" | "called" = "refused",
  maxBytes: number = Number.POSITIVE_INFINITY,
  clean?: Clean,
): JsonValue {
  return atOnce(new JsonCopy(field, toJSON, maxBytes, clean).steps(value));
}

/**
 * The same without blocking the event loop: the first 32 KiB are copied at once, the rest in slices. The caller must not
 * change the value until the promise settles.
 */
export function copyJsonInSlices(
  value: unknown,
  field: string,
  maxBytes: number,
  clean?: Clean,
): Promise<JsonValue> {
  return firstStepThenSlices(new JsonCopy(field, "refused", maxBytes, clean).steps(value));
}

class JsonCopy {
  readonly #field: string;
  readonly #toJSON: "refused" | "called";
  readonly #maxBytes: number;
  readonly #clean: Clean | undefined;
  readonly #levels: Level[] = [];
  /** A lower bound of the size in JSON: one byte per UTF-16 unit of a string. */
  #bytes = 0;

  constructor(field: string, toJSON: "refused" | "called", maxBytes: number, clean: Clean | undefined) {
    this.#field = field;
    this.#toJSON = toJSON;
    this.#maxBytes = maxBytes;
    this.#clean = clean;
  }

  *steps(value: unknown): Steps<JsonValue> {
    this.#countBytes(1);
    const levels = this.#levels;
    let copied = this.#copy(value);
    for (let stepEnds = STEP_BYTES; ; ) {
      const level = levels.at(-1);
      if (level === undefined) return copied as JsonValue;
      const depth = levels.length;
      // An inner loop, because most members are primitives and need none of the checks below.
      while (level.taken < level.size && levels.length === depth && this.#bytes < stepEnds)
        this.#copyNextMember(level);
      if (levels.length === depth && level.taken === level.size) {
        copied = this.#closeLevel(level);
        const outer = levels.at(-1);
        if (outer !== undefined) addMember(outer, copied);
      }
      if (this.#bytes < stepEnds) continue;
      stepEnds = this.#bytes + STEP_BYTES;
      yield;
    }
  }

  /** Returns the copy of a primitive. For an object or array it opens a level and returns `undefined`. */
  #copy(part: unknown, name?: string): JsonValue | undefined {
    switch (typeof part) {
      case "string":
        this.#countBytes(part.length + 1);
        if (!part.isWellFormed()) throw this.#refused("well-formed Unicode", "holds a lone surrogate");
        return this.#clean === undefined ? part : this.#cleaned(part, this.#clean, name);
      case "number":
        if (!Number.isFinite(part)) throw this.#refused("JSON", `is ${describeType(part)}`);
        this.#countBytes(digitsAfterFirst(part));
        // Adding 0 turns -0 into 0.
        return part + 0;
      case "boolean":
        this.#countBytes(3);
        return part;
      case "object":
        if (part !== null) return this.#openLevel(part);
        this.#countBytes(3);
        return null;
      case "undefined":
        throw this.#refused("JSON", "is undefined: leave it out, or give it null");
      default:
        throw this.#refused("JSON", `is ${describeType(part)}`);
    }
  }

  #cleaned(text: string, clean: Clean, name: string | undefined): string {
    const cleaned = clean(text, name);
    this.#countBytes(Math.max(0, cleaned.length - text.length));
    return cleaned;
  }

  #openLevel(part: object): undefined {
    for (const level of this.#levels)
      if (level.part === part) throw this.#refused("JSON", "is one of the objects that it lies in: a cycle");
    if (this.#levels.length === MAX_DEPTH)
      throw invalid(this.#field, `nested at most ${MAX_DEPTH} levels deep`);
    this.#levels.push(this.#levelOf(part));
  }

  #levelOf(part: object): Level {
    if (this.#toJSON === "called") {
      const { toJSON: method } = part as { toJSON?: unknown };
      if (typeof method === "function") return listLevel(part, [method.call(part)], true);
    }
    if (Object.getOwnPropertySymbols(part).length > 0)
      throw this.#refused("JSON", "has a name that is a symbol");
    if (Array.isArray(part)) {
      // Array.prototype inherits from Object.prototype, as a plain object does; a subclass inherits from Array.prototype.
      if (!isPlain(Object.getPrototypeOf(part))) throw this.#refused("JSON", "is an array of a class");
      // At least one byte and one comma for each element.
      this.#countBytes(Math.max(1, 2 * part.length));
      return listLevel(part, part, false);
    }
    if (!isPlain(part)) throw this.#refused("JSON", `is ${describeType(part)}, and no plain object`);
    this.#countBytes(1);
    const names = Object.keys(part);
    return { part, source: part, isCalled: false, names, copied: {}, size: names.length, taken: 0 };
  }

  /** Copies the next member; for an object or array it opens a level. */
  #copyNextMember(level: Level): void {
    const { source, names } = level;
    const index = level.taken++;
    let member: unknown;
    let name: string | undefined;
    if (names === undefined) member = (source as readonly unknown[])[index];
    else {
      name = names[index] as string;
      member = (source as Record<string, unknown>)[name];
      if (member !== undefined) this.#countBytes(name.length + 4);
      if (!name.isWellFormed())
        throw this.#refusedLevel("well-formed Unicode", "has a name that holds a lone surrogate");
      if (member === undefined) return;
    }
    const copied = this.#copy(member, name);
    if (copied !== undefined) addMember(level, copied);
  }

  #closeLevel(level: Level): JsonValue {
    const { source, copied, size, names, isCalled } = level;
    // Elements are copied by index, which also finds holes. Any further keys are named properties.
    if (names === undefined && !isCalled && Object.keys(source).length > size)
      throw this.#refusedLevel("JSON", "is an array with names");
    this.#levels.pop();
    return isCalled ? ((copied as JsonValue[])[0] as JsonValue) : copied;
  }

  #countBytes(least: number): void {
    this.#bytes += least;
    if (this.#bytes > this.#maxBytes)
      throw invalid(this.#field, `smaller: at most ${this.#maxBytes} bytes when it is encoded`);
  }

  #refused(rule: string, what: string, levels = this.#levels.length): Error {
    const inside = this.#levels.slice(0, levels).filter(({ isCalled }) => !isCalled);
    const members = inside.map(({ names, taken }) => names?.[taken - 1] ?? taken - 1);
    return invalid(this.#field, `${rule}: ${valuePath(this.#field, members)} ${what}`);
  }

  /** The error names the innermost object or array itself, not one of its members. */
  #refusedLevel(rule: string, what: string): Error {
    return this.#refused(rule, what, this.#levels.length - 1);
  }
}

function listLevel(part: object, source: readonly unknown[], isCalled: boolean): Level {
  return { part, source, isCalled, names: undefined, copied: [], size: source.length, taken: 0 };
}

function addMember({ copied, names, taken }: Level, member: JsonValue): void {
  if (Array.isArray(copied)) copied.push(member);
  else defineOwn(copied as Record<string, JsonValue>, names?.[taken - 1] as string, member);
}

function defineOwn(copied: Record<string, JsonValue>, name: string, member: JsonValue): void {
  if (name !== "__proto__") copied[name] = member;
  // An assignment to `__proto__` would set the prototype.
  else
    Object.defineProperty(copied, name, {
      value: member,
      writable: true,
      enumerable: true,
      configurable: true,
    });
}

/** A lower bound of the digits after the first one. From 1e21 on a number is written with an exponent. */
function digitsAfterFirst(number: number): number {
  const size = Math.abs(number);
  if (size < 10) return 0;
  if (size < 1000) return 1;
  return size < 1e6 || size >= 1e21 ? 3 : 6;
}

/** Whether the value is a plain object, of this realm or of another. */
function isPlain(value: object | null): boolean {
  if (value === null || Symbol.toStringTag in value) return false;
  const prototype = Object.getPrototypeOf(value) as object | null;
  if (prototype === null || prototype === Object.prototype) return true;
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, "isPrototypeOf");
}
