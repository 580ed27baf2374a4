import { endianness } from "node:os";
import { type Cell, cellAt, decodeRecord, type SeenRecord } from "../typed/cell.js";
import type { Codec } from "../typed/codec.js";
import { type Headed, headedBytes } from "../typed/headed-bytes.js";
import { Undecodable } from "../typed/undecodable.js";
import { readObject } from "../validation/validate.js";
import { readText } from "../validation/validate-text.js";
import { type MemoryPlace, VECTORS } from "./stored-memory.js";

/** The vector of a memory's content, and the model that made it. */
export interface EmbeddedContent {
  readonly model: string;
  readonly vector: Float32Array;
}

export const MAX_MODEL_BYTES = 255;
const FLOAT_BYTES = Float32Array.BYTES_PER_ELEMENT;
const IS_LITTLE = endianness() === "LE";

const HEADED: Codec<Headed<string>> = headedBytes({
  write: (model) => ({ model }),
  read: (header) =>
    readText((readObject(header, "vector") as { model?: unknown }).model, "model", MAX_MODEL_BYTES),
});

/** The floats as 32 bits each (IEEE 754), the least significant byte first. */
const VECTOR_CODEC: Codec<EmbeddedContent> = {
  version: 0,
  encode: ({ model, vector }) => HEADED.encode({ header: model, bytes: littleEndian(bytesOf(vector)) }),
  async decode(stored, version) {
    const { header: model, bytes } = await HEADED.decode(stored, version);
    if (bytes.length === 0 || bytes.length % FLOAT_BYTES !== 0)
      throw new Undecodable("it is no list of 32-bit floats");
    const own = littleEndian(bytes);
    const vector = new Float32Array(own.buffer, own.byteOffset, own.length / FLOAT_BYTES);
    if (!vector.every(Number.isFinite)) throw new Undecodable("it holds what is no number");
    return { model, vector };
  },
};

export function vectorCell({ owner, id }: MemoryPlace): Cell<EmbeddedContent> {
  return cellAt(owner, VECTORS + id, VECTOR_CODEC);
}

/** Decodes a vector. CORRUPT. */
export function seenVector(record: SeenRecord): Promise<EmbeddedContent> {
  return decodeRecord(VECTOR_CODEC, record);
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** A copy of its own, so that it begins where a float may begin. */
function littleEndian(bytes: Uint8Array): Uint8Array {
  const copy = Buffer.from(new Uint8Array(bytes).buffer);
  return IS_LITTLE ? copy : copy.swap32();
}
