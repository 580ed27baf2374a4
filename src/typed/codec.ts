import { invalid, StateError } from "../contract/errors.js";
import { readInteger, readNamed, readObject } from "../validation/validate.js";
import { copyJson } from "./json-copy.js";
import type { JsonValue } from "./json-value.js";
import { inOneSlice } from "./slices.js";
import { applySchema, SchemaMismatch, type SchemaResult, type StandardSchema } from "./standard-schema.js";
import { Undecodable } from "./undecodable.js";

/**
 * Turns values into bytes and back. `Input` is what may be written, `T` what is read.
 *
 * `encode` refuses a value with INVALID_RECORD. Whatever `decode` throws becomes CORRUPT with the place of the record,
 * but for SCHEMA_TOO_NEW, which is passed on.
 */
export interface Codec<T, Input = T> {
  /** The version of the values' shape, stored with each record as its `version`. */
  readonly version: number;
  /** The bytes of a value. INVALID_RECORD for one that cannot be stored. */
  encode(value: Input): Uint8Array | Promise<Uint8Array>;
  /** The value of bytes that were stored with this version. */
  decode(bytes: Uint8Array, version: number): T | Promise<T>;
}

/** How JSON values are stored. */
export interface JsonOptions {
  /** The version of the values' shape, a safe integer of 0 or more. Default 0. */
  readonly version?: number;
  /**
   * What turns a value of an older version into one of the next: `upgrades[2]` takes what was stored as version 2 and
   * returns it as version 3, or promises it. Runs on every read, before the schema, until the value is written again.
   */
  // biome-ignore lint/suspicious/noExplicitAny: an older shape has no type any more.
  readonly upgrades?: Readonly<Record<number, (value: any) => unknown>>;
}

/** How JSON values are stored that a schema checks. */
export interface SchemaOptions<T, Input> extends JsonOptions {
  /** Validates on write and on read. Stored is what it returns, in JSON; it has to accept that again, and return it. */
  readonly schema: StandardSchema<Input, T>;
}

/**
 * Values as JSON (RFC 8259) in UTF-8. Without a schema, what would not come back as it was is INVALID_RECORD: NaN, Maps,
 * Dates and the like. With one, `toJSON` is called, for the schema can turn the text of a Date back into one.
 *
 * A value of a newer version is SCHEMA_TOO_NEW: it is not damaged, another process knows it.
 *
 * @example
 * ```ts
 * import { json } from "groundstate/typed";
 *
 * interface Settings {
 *   readonly language: string;
 * }
 *
 * // Version 0 was the bare language.
 * const settings = json<Settings>({ version: 1, upgrades: { 0: (language: string) => ({ language }) } });
 * console.log(settings.version);
 * ```
 */
export function json<T, Input>(options: SchemaOptions<T, Input>): Codec<T, Input>;
export function json<T = JsonValue>(options?: JsonOptions): Codec<T>;
export function json(options: Partial<SchemaOptions<unknown, unknown>> = {}): Codec<unknown> {
  readNamed(options, "options", ["schema", "version", "upgrades"]);
  const { schema, upgrades = {} } = options;
  const version =
    "version" in options ? readInteger(options.version, "version", 0, Number.MAX_SAFE_INTEGER) : 0;
  if ("upgrades" in options) refuseDead(readObject(options.upgrades, "upgrades"), version);
  if ("schema" in options && typeof schema?.["~standard"]?.validate !== "function") {
    throw invalid("schema", "a Standard Schema");
  }

  const upgraded = async (older: unknown, stored: number): Promise<unknown> => {
    let value = older;
    for (let from = stored; from < version; from++) {
      const step = upgrades[from];
      if (step === undefined) throw new Undecodable(`no upgrade leads on from version ${from}`);
      value = await step(value);
    }
    return value;
  };
  const accepted = (value: unknown) => (schema ? applySchema(schema, value) : value);

  return {
    version,
    encode: schema ? (value) => encodeBySchema(schema, value) : (value) => bytesOf(text(value)),
    decode(bytes, stored) {
      // Before it is read: a newer one need not even be JSON.
      if (stored > version) throw tooNew(stored, version);
      const value = parse(bytes);
      return stored === version ? accepted(value) : upgraded(value, stored).then(accepted);
    },
  };
}

/**
 * Values that are kept as JSON of another form; `read` takes that of every version up to this one (default 0), and what
 * it throws makes the record CORRUPT. What `mayBeLarge` is written in a slice of its own, and must not change until then.
 */
export function mappedJson<T>(form: {
  readonly version?: number;
  readonly write: (value: T) => JsonValue;
  readonly read: (value: unknown) => T;
  readonly mayBeLarge?: (value: T) => boolean;
}): Codec<T> {
  const { version = 0, mayBeLarge } = form;
  const encode = (value: T) => bytesOf(JSON.stringify(form.write(value)));
  return {
    version,
    encode: (value) => (mayBeLarge?.(value) ? inOneSlice(() => encode(value)) : encode(value)),
    decode(bytes, stored) {
      if (stored > version) throw tooNew(stored, version);
      return form.read(parse(bytes));
    },
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
  readInteger(codec.version, "codec.version", 0, Number.MAX_SAFE_INTEGER);
  return codec;
}

/** An upgrade that nothing leads to was meant for another version. */
function refuseDead(upgrades: object, version: number): void {
  for (const from of Object.keys(upgrades)) {
    if (!/^\d+$/.test(from) || Number(from) >= version) {
      throw invalid("upgrades", `from versions below ${version}, the current one`);
    }
  }
}

async function encodeBySchema(schema: StandardSchema, value: unknown): Promise<Uint8Array> {
  // Where the schema answers at once, before anything is waited for: what the caller does to the value later changes nothing.
  const result = schema["~standard"].validate(value);
  const written =
    result instanceof Promise
      ? textOf(await result, "what its schema accepts", value)
      : textOf(result, "what its schema accepts", value);
  const rule = "what its schema accepts again, and leaves as it is, when it is read";
  const again: unknown = JSON.parse(written);
  const read = textOf(await schema["~standard"].validate(again), rule, again);
  if (read !== written) throw invalid("value", rule);
  return bytesOf(written);
}

function textOf(result: SchemaResult<unknown>, rule: string, value: unknown): string {
  if (result.issues === undefined) return text(result.value, "called");
  throw new StateError("INVALID_RECORD", `value must be ${rule}`, {
    details: { field: "value", rule },
    cause: new SchemaMismatch(result.issues, value),
  });
}

function text(value: unknown, toJSON: "refused" | "called" = "refused"): string {
  return JSON.stringify(copyJson(value, "value", toJSON));
}

function bytesOf(written: string): Uint8Array {
  return Buffer.from(written);
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(utf8.decode(bytes));
  } catch {
    // Without the cause, which quotes what was stored.
    throw new Undecodable("it is not JSON in UTF-8");
  }
}

function tooNew(found: number, supported: number): StateError<"SCHEMA_TOO_NEW"> {
  return new StateError("SCHEMA_TOO_NEW", `a value has version ${found}; this code knows ${supported}`, {
    details: { found, supported },
  });
}
