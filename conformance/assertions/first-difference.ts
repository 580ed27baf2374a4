const SHOWN_CHARACTERS = 60;
const MOST_DEPTH = 8;

/** Where two values differ first, what is there in each, and how large they are: `at [3].kind: expected "a", got "b"`. */
export function firstDifference(actual: unknown, expected: unknown): string | undefined {
  const found = differing(actual, expected, "", 0);
  if (found === undefined) return undefined;
  const sizes = sizesOf(actual, expected);
  const where = found.path === "" ? "" : `at ${found.path}: `;
  return `${where}expected ${shown(found.expected)}, got ${shown(found.actual)}${sizes}`;
}

interface Difference {
  readonly path: string;
  readonly actual: unknown;
  readonly expected: unknown;
}

function differing(actual: unknown, expected: unknown, path: string, depth: number): Difference | undefined {
  if (Object.is(actual, expected)) return undefined;
  if (depth === MOST_DEPTH || !isContainer(actual) || !isContainer(expected)) {
    return shown(actual) === shown(expected) && isObject(actual) ? undefined : { path, actual, expected };
  }
  if (Array.isArray(actual) !== Array.isArray(expected)) return { path, actual, expected };
  const isList = Array.isArray(expected);
  for (const key of new Set([...Object.keys(expected), ...Object.keys(actual)])) {
    const [a, e] = [Reflect.get(actual, key), Reflect.get(expected, key)];
    const at = isList ? `${path}[${key}]` : path === "" ? key : `${path}.${key}`;
    const found = differing(a, e, at, depth + 1);
    if (found) return found;
  }
  return undefined;
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

/** Lists and plain objects; bytes, dates and others are shown as a whole. */
function isContainer(value: unknown): value is object {
  if (!isObject(value) || ArrayBuffer.isView(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return Array.isArray(value) || prototype === Object.prototype || prototype === null;
}

function sizesOf(actual: unknown, expected: unknown): string {
  if (!Array.isArray(actual) || !Array.isArray(expected)) return "";
  return ` (${actual.length} entries, ${expected.length} expected)`;
}

function shown(value: unknown): string {
  if (value instanceof Uint8Array) return `${value.byteLength} bytes`;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "no time" : value.toISOString();
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === "string") return JSON.stringify(clipped(value));
  if (isObject(value))
    return clipped(
      JSON.stringify(value, (_, each) => (isObject(each) && each !== value ? "…" : each)) ?? "an object",
    );
  return value === undefined ? "nothing" : String(value);
}

function clipped(text: string): string {
  return text.length <= SHOWN_CHARACTERS ? text : `${text.slice(0, SHOWN_CHARACTERS)}…`;
}

/** Where two payloads differ first, and how large they are. */
export function bytesDifference(actual: Uint8Array, expected: Uint8Array): string {
  const at = expected.findIndex((byte, index) => actual[index] !== byte);
  const where = at === -1 ? "all of them equal as far as they go" : `the first difference at ${at}`;
  return `${actual.byteLength} bytes came back for the ${expected.byteLength} that were saved, ${where}`;
}
