import { types } from "node:util";

const CLASS_NAME = /^[A-Za-z_$][\w$]{0,39}$/;

/** Names the type of a value for an error message, never its content: `undefined`, `a number`, `a Date`, `an array`. */
export function describeType(value: unknown): string {
  if (value === undefined || value === null) return String(value);
  if (typeof value === "number") return Number.isNaN(value) ? "NaN" : describeNumber(value);
  if (typeof value !== "object") return `a ${typeof value}`;
  if (Array.isArray(value)) return "an array";
  if (types.isPromise(value)) return "a Promise (await it)";
  const name = classOf(value);
  if (name === undefined || name === "Object") return "an object";
  return `${/^[AEIO]/.test(name) ? "an" : "a"} ${name}`;
}

/** Names the type of an answer; of an object, says more. */
export function shapeOf(value: unknown, more: string): string {
  const type = describeType(value);
  return typeof value === "object" && value !== null && !types.isPromise(value) ? `${type} ${more}` : type;
}

function describeNumber(value: number): string {
  return Number.isFinite(value) ? "a number" : "an infinite number";
}

/** The name of its class, if it looks like one in a program; a name of another form might be data. */
function classOf(value: object): string | undefined {
  const prototype = Object.getPrototypeOf(value) as { constructor?: { name?: unknown } } | null;
  const name = prototype?.constructor?.name;
  return typeof name === "string" && CLASS_NAME.test(name) ? name : undefined;
}
