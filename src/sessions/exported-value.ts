import { copyJson } from "../typed/json-copy.js";
import type { JsonValue } from "../typed/json-value.js";
import { inOneSlice } from "../typed/slices.js";
import type { ExportedValue } from "./export-lines.js";

/** Bytes that are exactly what JSON makes of a value are shown as that value, others in base64: both give the same bytes again. */
export async function exportedValue(bytes: Uint8Array, version: number): Promise<ExportedValue> {
  const value = await inOneSlice(() => jsonOf(bytes));
  const shown = value === undefined ? { bytes: Buffer.from(bytes).toString("base64") } : { value };
  return { ...(version > 0 && { version }), ...shown };
}

/** The bytes of a value of a line. */
export function bytesOfJson(value: JsonValue): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}

function jsonOf(bytes: Uint8Array): JsonValue | undefined {
  try {
    const value = copyJson(JSON.parse(Buffer.from(bytes).toString()), "value");
    return Buffer.compare(bytesOfJson(value), bytes) === 0 ? value : undefined;
  } catch {
    return undefined;
  }
}
