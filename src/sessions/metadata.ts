import { invalid, isStateError, StateError } from "../contract/errors.js";
import type { RecordKey } from "../contract/store.js";
import { corruptRecord } from "../typed/cell.js";
import { type Codec, json, readCodec } from "../typed/codec.js";
import type { InputReader } from "../typed/input-reader.js";
import type { JsonValue } from "../typed/json-value.js";
import type { StoredMetadata } from "./session-record.js";

/** Converts metadata between the callers' type (`M` to read, `Input` to write) and the JSON in a session's record. */
export class MetadataCodec<M, Input> {
  readonly #codec: Codec<M, Input>;

  constructor(options: { readonly metadata?: Codec<M, Input> }, inputs: InputReader) {
    this.#codec =
      "metadata" in options
        ? inputs.codec(readMetadataCodec({ codec: options.metadata }))
        : plainObjects(inputs.codec(JSON_CODEC));
  }

  /** INVALID_RECORD. */
  async write(metadata: Input): Promise<StoredMetadata> {
    const { version } = this.#codec;
    try {
      return { value: await parseEncoded(await this.#codec.encode(metadata)), version };
    } catch (error) {
      if (!isStateError(error, "INVALID_RECORD")) throw error;
      const { rule } = error.details;
      throw new StateError("INVALID_RECORD", `metadata must be ${rule}`, {
        details: { field: "metadata", rule },
        cause: error.cause,
      });
    }
  }

  /** SCHEMA_TOO_NEW; CORRUPT, naming the slot of the record. */
  async read({ value, version }: StoredMetadata, slot: RecordKey): Promise<M> {
    try {
      return await this.#codec.decode(Buffer.from(JSON.stringify(value)), version);
    } catch (error) {
      if (isStateError(error, "SCHEMA_TOO_NEW")) throw error;
      throw corruptRecord(slot, "the metadata of a session does not decode", error);
    }
  }
}

const JSON_CODEC = json();

function readMetadataCodec<M, Input>(options: { readonly codec: Codec<M, Input> }): Codec<M, Input> {
  try {
    return readCodec(options);
  } catch {
    throw invalid("metadata", "a codec, as json() makes it");
  }
}

/** Parses the bytes that the codec wrote: the record holds metadata as JSON. */
async function parseEncoded(bytes: Uint8Array): Promise<JsonValue> {
  try {
    return await JSON_CODEC.decode(bytes, 0);
  } catch {
    throw invalid("metadata", "what its codec writes as JSON");
  }
}

function plainObjects<M, Input>(codec: Codec<JsonValue>): Codec<M, Input> {
  const objects: Codec<JsonValue> = {
    version: 0,
    encode: (value) => codec.encode(readPlain(value)),
    decode: async (bytes, version) => readPlain(await codec.decode(bytes, version)),
  };
  return objects as unknown as Codec<M, Input>;
}

function readPlain(value: JsonValue): JsonValue {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  throw invalid("metadata", "a plain object");
}
