import type { Codec } from "../codec.js";
import { copyJson } from "../json-copy.js";
import type { JsonValue } from "../json-value.js";
import { inOneSlice } from "../slices.js";

/**
 * A value as its codec wrote it: the JSON, or what is no JSON in base64. `version` is that of the codec; absent for 0.
 */
export interface ExportedValue {
  readonly version?: number;
  readonly value?: JsonValue;
  readonly bytes?: string;
}

/** Reads values as they are stored, whatever their codec is. */
export const AS_STORED: Codec<ExportedValue, never> = {
  version: 0,
  encode(): never {
    throw new TypeError("what is read as it is stored is not written");
  },
  decode: exportedValue,
};

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
