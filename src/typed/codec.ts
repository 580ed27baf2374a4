import { invalid, StateError } from "../contract/errors.js";
import { readInteger, readNamed, readObject } from "../validation/validate.js";
import { type Clean, copyJson } from "./json-copy.js";
import type { JsonValue } from "./json-value.js";
import { inOneSlice } from "./slices.js";
import { applySchema, SchemaMismatch, type SchemaResult, type StandardSchema } from "./standard-schema.js";
import { Undecodable } from "./undecodable.js";

/**
 * Turns values into bytes and back. `Input` is what may be written, `T` what is read.
 *
 * `encode` refuses a value with INVALID_RECORD. An error that `decode` throws becomes CORRUPT, naming the slot.
 * SCHEMA_TOO_NEW is passed on as it is.
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
   * Functions that turn a value of an older version into one of the next: `upgrades[2]` takes a value stored as version
   * 2 and returns it, or a promise of it, as version 3. They run on every read, before the schema, until the value is
   * written again.
   */
  // biome-ignore lint/suspicious/noExplicitAny: an older shape has no type any more.
  readonly upgrades?: Readonly<Record<number, (value: any) => unknown>>;
}

/** How JSON values are stored when a schema checks them. */
export interface SchemaOptions<T, Input> extends JsonOptions {
  /**
   * Validates on write and on read. The value it returns is stored as JSON. The schema must accept that JSON again and
   * return the same value.
   */
  readonly schema: StandardSchema<Input, T>;
}

/**
 * Stores values as JSON (RFC 8259) in UTF-8. Without a schema, a value that JSON would change is INVALID_RECORD: NaN,
 * Maps, Dates and the like. With a schema, `toJSON` is called, because the schema can turn the text of a Date back into
 * a Date.
 *
 * A value of a newer version is SCHEMA_TOO_NEW. It is not damaged: a newer release wrote it.
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
  return jsonCodec(options, undefined);
}

/** The options of the codecs that `json` made. */
const MADE = new WeakMap<object, Partial<SchemaOptions<unknown, unknown>>>();

export function isJsonCodec(codec: object): boolean {
  return MADE.has(codec);
}

/** A codec that `json` made, with `clean` giving what is stored in place of each string. */
export function jsonWith<C extends object>(codec: C, clean: Clean): C {
  return jsonCodec(MADE.get(codec) ?? {}, clean) as C;
}

function jsonCodec(
  options: Partial<SchemaOptions<unknown, unknown>>,
  clean: Clean | undefined,
): Codec<unknown> {
  readNamed(options, "options", ["schema", "version", "upgrades"]);
  const { schema, upgrades = {} } = options;
  const version =
    "version" in options ? readInteger(options.version, "version", 0, Number.MAX_SAFE_INTEGER) : 0;
  if ("upgrades" in options) refuseUnusedUpgrades(readObject(options.upgrades, "upgrades"), version);
  if ("schema" in options && typeof schema?.["~standard"]?.validate !== "function") {
    throw invalid("schema", "a Standard Schema");
  }

  const upgrade = async (older: unknown, stored: number): Promise<unknown> => {
    let value = older;
    for (let from = stored; from < version; from++) {
      const step = upgrades[from];
      if (step === undefined) throw new Undecodable(`no upgrade leads on from version ${from}`);
      value = await step(value);
    }
    return value;
  };
  const validated = (value: unknown) => (schema ? applySchema(schema, value) : value);

  const codec: Codec<unknown> = {
    version,
    encode: schema
      ? (value) => encodeBySchema(schema, value, clean)
      : (value) => utf8Bytes(jsonText(value, "refused", clean)),
    decode(bytes, stored) {
      // The version is checked before the bytes are parsed: a newer version may not be JSON.
      if (stored > version) throw tooNew(stored, version);
      const value = parse(bytes);
      return stored === version ? validated(value) : upgrade(value, stored).then(validated);
    },
  };
  MADE.set(codec, { ...options });
  return codec;
}

/**
 * Stores values as JSON of another form. `read` takes the JSON of every version up to this one (default 0); an error that
 * it throws makes the record CORRUPT. A value for which `mayBeLarge` returns true is encoded in a later slice and must
 * not change until then.
 */
export function mappedJson<T>(form: {
  readonly version?: number;
  readonly write: (value: T) => JsonValue;
  readonly read: (value: unknown) => T;
  readonly mayBeLarge?: (value: T) => boolean;
}): Codec<T> {
  const { version = 0, mayBeLarge } = form;
  const encode = (value: T) => utf8Bytes(JSON.stringify(form.write(value)));
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
export function readCodec<T, Input>(options: { readonly codec?: Codec<T, Input> }): Codec<T, Input> {
  readNamed(options, "options", ["codec"]);
  if (!("codec" in options)) return json() as unknown as Codec<T, Input>;
  const { codec } = options;
  if (typeof codec?.encode !== "function" || typeof codec.decode !== "function") {
    throw invalid("codec", "an object with encode and decode");
  }
  readInteger(codec.version, "codec.version", 0, Number.MAX_SAFE_INTEGER);
  return codec;
}

/** An upgrade from the current version, or from a newer one, would never run: the caller mistook the version. */
function refuseUnusedUpgrades(upgrades: object, version: number): void {
  for (const from of Object.keys(upgrades)) {
    if (!/^\d+$/.test(from) || Number(from) >= version) {
      throw invalid("upgrades", `from versions below ${version}, the current one`);
    }
  }
}

async function encodeBySchema(
  schema: StandardSchema,
  value: unknown,
  clean: Clean | undefined,
): Promise<Uint8Array> {
  // A synchronous result is encoded before the first await, so later changes to the caller's value have no effect.
  const result = schema["~standard"].validate(value);
  const encoded =
    result instanceof Promise
      ? jsonTextOfResult(await result, "what its schema accepts", value, clean)
      : jsonTextOfResult(result, "what its schema accepts", value, clean);
  const rule = "what its schema accepts again, and leaves as it is, when it is read";
  const decoded: unknown = JSON.parse(encoded);
  const read = jsonTextOfResult(await schema["~standard"].validate(decoded), rule, decoded);
  if (read !== encoded) throw invalid("value", rule);
  return utf8Bytes(encoded);
}

function jsonTextOfResult(
  result: SchemaResult<unknown>,
  rule: string,
  value: unknown,
  clean?: Clean,
): string {
  if (result.issues === undefined) return jsonText(result.value, "called", clean);
  throw new StateError("INVALID_RECORD", `value must be ${rule}`, {
    details: { field: "value", rule },
    cause: new SchemaMismatch(result.issues, value),
  });
}

function jsonText(value: unknown, toJSON: "refused" | "called", clean?: Clean): string {
  return JSON.stringify(copyJson(value, "value", toJSON, Number.POSITIVE_INFINITY, clean));
}

function utf8Bytes(text: string): Uint8Array {
  return Buffer.from(text);
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(utf8.decode(bytes));
  } catch {
    // The parser's error quotes the payload, so it must not become the cause.
    throw new Undecodable("it is not JSON in UTF-8");
  }
}

function tooNew(found: number, supported: number): StateError<"SCHEMA_TOO_NEW"> {
  return new StateError("SCHEMA_TOO_NEW", `a value has version ${found}; this code knows ${supported}`, {
    details: { found, supported },
  });
}
