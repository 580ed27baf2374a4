import { describeType } from "../contract/describe-type.js";
import { invalid } from "../contract/errors.js";
import type { JsonValue } from "./json-value.js";
import { atOnce, beginAtOnce, type Steps } from "./slices.js";
import { valuePath } from "./value-path.js";

const MOST_LEVELS = 500;
/** What is copied in one step: of small parts less than a millisecond of work, for many may begin in one turn. */
const STEP_BYTES = 32 * 1024;

/** An object that is being copied, and how far it is. */
interface Level {
  readonly part: object;
  /** Where its members are read: itself, or what its `toJSON` returned, which is its only one and has no place of its own. */
  readonly source: object;
  readonly isCalled: boolean;
  /** Of an object its names; of anything else there are none. */
  readonly names: readonly string[] | undefined;
  readonly copied: JsonValue[] | Record<string, JsonValue>;
  readonly size: number;
  /** How many members were taken. */
  taken: number;
}

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
  return atOnce(new JsonCopy(field, toJSON, mostBytes).steps(value));
}

/**
 * The same without keeping the event loop: 32 KiB are copied at once and the rest in slices, until which whoever gave the
 * value must not change it.
 */
export function copyJsonInSlices(value: unknown, field: string, mostBytes: number): Promise<JsonValue> {
  return beginAtOnce(new JsonCopy(field, "refused", mostBytes).steps(value));
}

class JsonCopy {
  readonly #field: string;
  readonly #toJSON: "refused" | "called";
  readonly #mostBytes: number;
  readonly #levels: Level[] = [];
  /** What it takes in JSON at least: of a text a byte for each of its units. */
  #bytes = 0;

  constructor(field: string, toJSON: "refused" | "called", mostBytes: number) {
    this.#field = field;
    this.#toJSON = toJSON;
    this.#mostBytes = mostBytes;
  }

  *steps(value: unknown): Steps<JsonValue> {
    this.#count(1);
    const levels = this.#levels;
    let copied = this.#copy(value);
    for (let stepEnds = STEP_BYTES; ; ) {
      const level = levels.at(-1);
      if (level === undefined) return copied as JsonValue;
      const depth = levels.length;
      // What has no parts is copied without coming back here each time.
      while (level.taken < level.size && levels.length === depth && this.#bytes < stepEnds) this.#take(level);
      if (levels.length === depth && level.taken === level.size) {
        copied = this.#close(level);
        const outer = levels.at(-1);
        if (outer !== undefined) put(outer, copied);
      }
      if (this.#bytes < stepEnds) continue;
      stepEnds = this.#bytes + STEP_BYTES;
      yield;
    }
  }

  /** A copy of what has no parts; of anything else `undefined`, and it is the last of the levels. */
  #copy(part: unknown): JsonValue | undefined {
    switch (typeof part) {
      case "string":
        this.#count(part.length + 1);
        if (!part.isWellFormed()) throw this.#refused("well-formed Unicode", "holds a lone surrogate");
        return part;
      case "number":
        if (!Number.isFinite(part)) throw this.#refused("JSON", `is ${describeType(part)}`);
        this.#count(digitsAfterFirst(part));
        // Adding 0 turns -0 into 0.
        return part + 0;
      case "boolean":
        this.#count(3);
        return part;
      case "object":
        if (part !== null) return this.#open(part);
        this.#count(3);
        return null;
      case "undefined":
        throw this.#refused("JSON", "is undefined: leave it out, or give it null");
      default:
        throw this.#refused("JSON", `is ${describeType(part)}`);
    }
  }

  #open(part: object): undefined {
    for (const level of this.#levels)
      if (level.part === part) throw this.#refused("JSON", "is one of the objects that it lies in: a cycle");
    if (this.#levels.length === MOST_LEVELS)
      throw invalid(this.#field, `nested at most ${MOST_LEVELS} levels deep`);
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
      // Array.prototype inherits as an object literal does; that of a class inherits from it.
      if (!isPlain(Object.getPrototypeOf(part))) throw this.#refused("JSON", "is an array of a class");
      // At least a byte for each element and one behind it.
      this.#count(Math.max(1, 2 * part.length));
      return listLevel(part, part, false);
    }
    if (!isPlain(part)) throw this.#refused("JSON", `is ${describeType(part)}, and no plain object`);
    this.#count(1);
    const names = Object.keys(part);
    return { part, source: part, isCalled: false, names, copied: {}, size: names.length, taken: 0 };
  }

  /** Copies the next member; where that has parts, it is the last of the levels then. */
  #take(level: Level): void {
    const { source, names } = level;
    const index = level.taken++;
    let member: unknown;
    if (names === undefined) member = (source as readonly unknown[])[index];
    else {
      const name = names[index] as string;
      member = (source as Record<string, unknown>)[name];
      if (member !== undefined) this.#count(name.length + 4);
      if (!name.isWellFormed())
        throw this.#refusedWhole("well-formed Unicode", "has a name that holds a lone surrogate");
      if (member === undefined) return;
    }
    const copied = this.#copy(member);
    if (copied !== undefined) put(level, copied);
  }

  #close(level: Level): JsonValue {
    const { source, copied, size, names, isCalled } = level;
    // Copied by index, for a hole is a missing element too; what there is beside them has a name.
    if (names === undefined && !isCalled && Object.keys(source).length > size)
      throw this.#refusedWhole("JSON", "is an array with names");
    this.#levels.pop();
    return isCalled ? ((copied as JsonValue[])[0] as JsonValue) : copied;
  }

  #count(least: number): void {
    this.#bytes += least;
    if (this.#bytes > this.#mostBytes)
      throw invalid(this.#field, `smaller: at most ${this.#mostBytes} bytes when it is encoded`);
  }

  #refused(rule: string, what: string, levels = this.#levels.length): Error {
    const inside = this.#levels.slice(0, levels).filter(({ isCalled }) => !isCalled);
    const members = inside.map(({ names, taken }) => names?.[taken - 1] ?? taken - 1);
    return invalid(this.#field, `${rule}: ${valuePath(this.#field, members)} ${what}`);
  }

  /** Not one of its members, but the object or array that is last of the levels. */
  #refusedWhole(rule: string, what: string): Error {
    return this.#refused(rule, what, this.#levels.length - 1);
  }
}

function listLevel(part: object, source: readonly unknown[], isCalled: boolean): Level {
  return { part, source, isCalled, names: undefined, copied: [], size: source.length, taken: 0 };
}

function put({ copied, names, taken }: Level, member: JsonValue): void {
  if (Array.isArray(copied)) copied.push(member);
  else define(copied as Record<string, JsonValue>, names?.[taken - 1] as string, member);
}

function define(copied: Record<string, JsonValue>, name: string, member: JsonValue): void {
  if (name !== "__proto__") copied[name] = member;
  // Assigned to, it would be the prototype.
  else
    Object.defineProperty(copied, name, {
      value: member,
      writable: true,
      enumerable: true,
      configurable: true,
    });
}

/** How many digits a number has at least behind its first; from 1e21 on it is written with an exponent. */
function digitsAfterFirst(number: number): number {
  const size = Math.abs(number);
  if (size < 10) return 0;
  if (size < 1000) return 1;
  return size < 1e6 || size >= 1e21 ? 3 : 6;
}

/** An object literal, of this realm or of another. */
function isPlain(value: object | null): boolean {
  if (value === null || Symbol.toStringTag in value) return false;
  const prototype = Object.getPrototypeOf(value) as object | null;
  if (prototype === null || prototype === Object.prototype) return true;
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, "isPrototypeOf");
}
