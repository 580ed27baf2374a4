import { invalid } from "../contract/errors.js";
import type { Redact, RedactOption } from "../contract/redact.js";
import { readLongText } from "../validation/fields.js";
import { cleaning } from "./cleaning-codec.js";
import type { Codec } from "./codec.js";
import { type Clean, copyJson, copyJsonInSlices } from "./json-copy.js";
import type { JsonValue } from "./json-value.js";

type Read<T> = (value: unknown, field: string) => T;

/**
 * Reads what callers give to a wrapper to be stored. With the option `redact`, texts and the strings in values are redacted
 * here, before a digest, a limit or a codec sees them; ids, names and keys of objects are read elsewhere and stay.
 */
export class InputReader {
  readonly #clean: Clean | undefined;

  constructor(options: RedactOption, wrapper: string) {
    const redact = "redact" in options ? readRedact(options.redact) : undefined;
    const here = { wrapper };
    this.#clean =
      redact && ((text, name) => redact.text(text, name === undefined ? here : { wrapper, name }));
  }

  /** `copyJson`. */
  readonly json: Read<JsonValue> = (value, field) =>
    copyJson(value, field, "refused", Number.POSITIVE_INFINITY, this.#clean);

  /** `copyJson` of what a schema returned. */
  readonly schemaJson: Read<JsonValue> = (value, field) =>
    copyJson(value, field, "called", Number.POSITIVE_INFINITY, this.#clean);

  /** `copyJsonInSlices`. */
  readonly jsonInSlices = (value: unknown, field: string, maxBytes: number): Promise<JsonValue> =>
    copyJsonInSlices(value, field, maxBytes, this.#clean);

  /** A text for people: up to 16 KiB, as given and as stored. */
  readonly longText: Read<string> = this.text(readLongText);

  /** A reader of texts that are redacted. What comes of it has to be right for `read`, too. */
  text(read: Read<string>): Read<string> {
    return (value, field) => {
      const text = read(value, field);
      const cleaned = this.clean(text);
      return cleaned === text ? text : read(cleaned, field);
    };
  }

  /** Content that is given as a text. Bytes and streams stay as they are. */
  content(value: unknown): unknown {
    return typeof value === "string" ? this.clean(value) : value;
  }

  /** The text without its secrets. */
  clean(text: string): string {
    return this.#clean === undefined ? text : this.#clean(text);
  }

  /** The codec, with the strings of values redacted before they are encoded. */
  codec<T, Input>(codec: Codec<T, Input>): Codec<T, Input> {
    return this.#clean === undefined ? codec : cleaning(codec, this.#clean);
  }
}

/** Reads texts and values as they are. */
export const PLAIN_READER = new InputReader({}, "");

/** INVALID_RECORD. One that is present but `undefined` is refused: a forgotten variable must not store secrets. */
export function readRedact(value: unknown): Redact {
  if (typeof (value as Partial<Redact> | undefined)?.text !== "function")
    throw invalid("redact", "what `redacting` of groundstate/layers returns");
  return value as Redact;
}
