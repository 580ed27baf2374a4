import { types } from "node:util";
import { invalid, wrongType } from "../contract/errors.js";

const typedArray = Object.getPrototypeOf(Uint8Array.prototype) as object;
const lengthOf = getter<number>("byteLength");
const offsetOf = getter<number>("byteOffset");
const bufferOf = getter<ArrayBufferLike>("buffer");
const at = Reflect.get(typedArray, "at") as (index: number) => number | undefined;

/** Checks a payload: a `Uint8Array` (a Buffer is one) of at most `maxBytes`. The result still uses the caller's memory. */
export function readPayload(value: unknown, field: string, maxBytes: number): Uint8Array {
  if (!types.isUint8Array(value)) throw wrongType(field, "a Uint8Array", value);
  // A subclass may lie about its length, so only the intrinsic getters are used.
  const length = lengthOf.call(value);
  if (length > maxBytes) throw invalid(field, `at most ${maxBytes} bytes`);
  if (length === 0 && isOutOfBounds(value)) throw invalid(field, "a Uint8Array whose buffer is not detached");
  return new Uint8Array(bufferOf.call(value), offsetOf.call(value), length);
}

/** A copy that shares no memory with its source or with Node's buffer pool. */
export function copyBytes(source: Uint8Array): Uint8Array {
  return new Uint8Array(source);
}

/** The same memory as a plain Uint8Array, since some methods of a Buffer, such as `slice`, behave differently. */
export function plainBytes(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** A detached view reads as empty; every method of the prototype throws on one. */
function isOutOfBounds(view: Uint8Array): boolean {
  try {
    at.call(view, 0);
    return false;
  } catch {
    return true;
  }
}

function getter<T>(name: string): (this: Uint8Array) => T {
  return Object.getOwnPropertyDescriptor(typedArray, name)?.get as (this: Uint8Array) => T;
}
