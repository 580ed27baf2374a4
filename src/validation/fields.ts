import { LIMITS } from "../contract/limits.js";
import { readBoolean, readInteger } from "./validate.js";
import { readText } from "./validate-text.js";

const MAX_TEXT_BYTES = 16_384;
const MAX_TTL_MS = 10 * 365 * 86_400_000;

/** Reads an optional field. A field that is present but `undefined` is passed to the reader, which refuses it. */
export function optional<N extends string, V>(
  given: { readonly [K in N]?: unknown },
  name: N,
  read: (value: unknown, field: string) => V,
): { readonly [K in N]?: V } {
  return (name in given ? { [name]: read(given[name], name) } : {}) as { [K in N]?: V };
}

/** Reads a boolean option; default false. */
export function readFlag<N extends string>(given: { readonly [K in N]?: unknown }, name: N): boolean {
  return name in given ? readBoolean(given[name], name) : false;
}

/** Reads a text for people: up to 16 KiB. */
export function readLongText(value: unknown, field: string): string {
  return readText(value, field, MAX_TEXT_BYTES);
}

/** Reads a time to live: 1 ms to ten years. */
export function readTtl(value: unknown, field: string): number {
  return readInteger(value, field, 1, MAX_TTL_MS);
}

/** Reads a time in milliseconds since 1970. */
export function readTime(value: unknown, field: string): number {
  return readInteger(value, field, LIMITS.earliest, LIMITS.latest);
}
