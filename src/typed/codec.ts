import { invalid, StateError } from "../errors.js";
import { readInteger, readNamed } from "../validate.js";
import { copyJson, type JsonValue } from "./json-value.js";
import { applySchema, SchemaMismatch, type StandardSchema } from "./standard-schema.js";

/**
 * Turns values into bytes and back. `Input` is what may be written, `T` what is read.
 *
 * `encode` refuses a value with INVALID_RECORD. Whatever `decode` throws becomes CORRUPT with the place of the record,
 * but for SCHEMA_TOO_NEW, which is passed on.
 */
export interface Codec<T, Input = T> {
  /** The version of the values' shape, stored with each record as its `version`. */
  readonly version: number;
  encode(value: Input): Uint8Array | Promise<Uint8Array>;
  decode(bytes: Uint8Array, version: number): T | Promise<T>;
}

export interface JsonOptions {
  /** The version of the values' shape, a safe integer of 0 or more. Default 0. */
  readonly version?: number;
  /**
   * What turns a value of an older version into one of the next: `upgrades[2]` takes what was stored as version 2 and
   * returns it as version 3. Runs on every read, before the schema, until the value is written again.
   */
  // biome-ignore lint/suspicious/noExplicitAny: an older shape has no type any more.
  readonly upgrades?: Readonly<Record<number, (value: any) => unknown>>;
}

export interface SchemaOptions<T, Input> extends JsonOptions {
  /** Validates on write and on read. Stored is what it returns, in JSON; it has to accept that again, and return it. */
  readonly schema: StandardSchema<Input, T>;
}

/**
 * Values as JSON (RFC 8259) in UTF-8. Without a schema, what would not come back as it was is INVALID_RECORD: NaN, Maps,
 * Dates and the like. With one, `toJSON` is called, for the schema can turn the text of a Date back into one.
 *
 * A value of a newer version is SCHEMA_TOO_NEW: it is not damaged, another process knows it.
 */
export function json<T = JsonValue>(options?: JsonOptions): Codec<T>;
export function json<T, Input>(options: SchemaOptions<T, Input>): Codec<T, Input>;
export function json(options: Partial<SchemaOptions<unknown, unknown>> = {}): Codec<unknown> {
  readNamed(options, "options", ["schema", "version", "upgrades"]);
  const { schema, upgrades = {} } = options;
  const version =
    "version" in options ? readInteger(options.version, "version", 0, Number.MAX_SAFE_INTEGER) : 0;
  if ("schema" in options && typeof schema?.["~standard"]?.validate !== "function") {
    throw invalid("schema", "a Standard Schema");
  }

  const upgrade = (value: unknown, stored: number): unknown => {
    if (stored > version) throw tooNew(stored, version);
    let upgraded = value;
    for (let from = stored; from < version; from++) {
      const step = upgrades[from];
      if (step === undefined) throw new Error(`no upgrade leads on from version ${from}`);
      upgraded = step(upgraded);
    }
    return upgraded;
  };

  return {
    version,
    encode: schema ? (value) => encodeBySchema(schema, value) : (value) => bytesOf(text(value)),
    decode(bytes, stored) {
      const value = upgrade(parse(bytes), stored);
      return schema ? applySchema(schema, value) : value;
    },
  };
}

/** Values that are kept as JSON of another form; what `read` throws makes the record CORRUPT. */
export function mappedJson<T>(form: {
  readonly write: (value: T) => JsonValue;
  readonly read: (value: unknown) => T;
}): Codec<T> {
  return {
    version: 0,
    encode: (value) => bytesOf(JSON.stringify(form.write(value))),
    decode: (bytes) => form.read(parse(bytes)),
  };
}

/** The codec of a shape: the one given, or plain JSON. */
export function codecOf<T, Input>(options: { readonly codec?: Codec<T, Input> }): Codec<T, Input> {
  readNamed(options, "options", ["codec"]);
  if (!("codec" in options)) return json() as unknown as Codec<T, Input>;
  const { codec } = options;
  if (typeof codec?.encode !== "function" || typeof codec.decode !== "function") {
    throw invalid("codec", "an object with encode and decode");
  }
  return codec;
}

async function encodeBySchema(schema: StandardSchema, value: unknown): Promise<Uint8Array> {
  const written = text(await accepted(schema, value, "what its schema accepts"), "called");
  const rule = "what its schema accepts again, and leaves as it is, when it is read";
  const read = await accepted(schema, JSON.parse(written), rule);
  if (text(read, "called") !== written) throw invalid("value", rule);
  return bytesOf(written);
}

async function accepted(schema: StandardSchema, value: unknown, rule: string): Promise<unknown> {
  try {
    return await applySchema(schema, value);
  } catch (error) {
    if (!(error instanceof SchemaMismatch)) throw error;
    throw new StateError("INVALID_RECORD", `value must be ${rule}`, {
      details: { field: "value", rule },
      cause: error,
    });
  }
}

function text(value: unknown, toJSON: "refused" | "called" = "refused"): string {
  return JSON.stringify(copyJson(value, "value", toJSON));
}

function bytesOf(written: string): Uint8Array {
  return Buffer.from(written);
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

function parse(bytes: Uint8Array): unknown {
  return JSON.parse(utf8.decode(bytes));
}

function tooNew(found: number, supported: number): StateError<"SCHEMA_TOO_NEW"> {
  return new StateError("SCHEMA_TOO_NEW", `a value has version ${found}; this code knows ${supported}`, {
    details: { found, supported },
  });
}
