import type { RecordPlace } from "../../contract.js";
import { isStateError, StateError } from "../../errors.js";
import { corruptRecord } from "../cell.js";
import { type Codec, json } from "../codec.js";
import type { JsonValue } from "../json-value.js";
import { applySchema, type StandardSchema } from "../standard-schema.js";

/** Metadata as callers have it (`M` to read, `Input` to write), and as JSON in a session's record. */
export class MetadataForm<M, Input> {
  readonly #schema: StandardSchema<Input, M> | undefined;
  readonly #codec: Codec<M, Input>;

  constructor(options: { readonly metadata?: StandardSchema<Input, M> }) {
    this.#codec = "metadata" in options ? json({ schema: options.metadata }) : plainJson();
    this.#schema = options.metadata;
  }

  /** INVALID_RECORD. */
  async write(metadata: Input): Promise<JsonValue> {
    try {
      return JSON.parse(Buffer.from(await this.#codec.encode(metadata)).toString());
    } catch (error) {
      if (!isStateError(error, "INVALID_RECORD")) throw error;
      const { rule } = error.details;
      throw new StateError("INVALID_RECORD", `metadata must be ${rule}`, {
        details: { field: "metadata", rule },
        cause: error.cause,
      });
    }
  }

  /** CORRUPT, naming the place it was read from. */
  async read(metadata: JsonValue, place: RecordPlace): Promise<M> {
    if (this.#schema === undefined) return metadata as M;
    try {
      return await applySchema(this.#schema, metadata);
    } catch (error) {
      throw corruptRecord(place, "the metadata of a session is not what its schema accepts", error);
    }
  }
}

function plainJson<M, Input>(): Codec<M, Input> {
  return json() as unknown as Codec<M, Input>;
}
