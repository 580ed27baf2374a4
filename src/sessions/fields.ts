import { invalid } from "../contract/errors.js";
import type { JsonValue } from "../typed/json-value.js";
import { digestOf } from "../typed/names.js";
import { readObject } from "../validation/validate.js";
import { readText } from "../validation/validate-text.js";

/** A value by which sessions are listed. */
export type FieldValue = string | number | boolean;

/** Values of declared fields that sessions must have. */
export interface FieldFilter {
  /** The value of a field, or one of its values where it is an array. */
  readonly [field: string]: FieldValue;
}

const MAX_FIELDS = 8;
const MAX_NAME_BYTES = 64;
/** An array is listed under each of its values. */
const MAX_VALUES = 20;

/** Fields of metadata by which sessions are listed. A field with a value is known by its key: the name and a digest. */
export class MetadataFields {
  readonly #names: readonly string[];

  /** INVALID_RECORD. */
  constructor(options: { readonly fields?: readonly string[] }) {
    this.#names = "fields" in options ? readNames(options.fields) : [];
  }

  /**
   * The keys of a session, in order. A field by which it is listed already counts too: this process may be of an older
   * release, which does not know it. INVALID_RECORD for an array of too many values.
   */
  keysOf(metadata: JsonValue, before: readonly string[] = []): readonly string[] {
    return keysOfNames(metadata, [...this.#names, ...before.map(nameOf)]);
  }

  /** The same of declared fields alone. */
  declaredKeysOf(metadata: JsonValue): readonly string[] {
    return keysOfNames(metadata, this.#names);
  }

  /** The keys that sessions must have. INVALID_RECORD for a field that is not declared. */
  readFilter(filter: unknown): readonly string[] {
    const given = Object.entries(readObject(filter, "metadata"));
    if (given.length === 0) throw invalid("metadata", "an object with a value of at least one field");
    return given.map(([name, value]) => {
      if (!this.#names.includes(name)) throw invalid("metadata", "of fields that `createSessions` was given");
      if (!isValue(value)) throw invalid("metadata", "of strings, numbers and booleans");
      return keyOf(name, value);
    });
  }
}

function keysOfNames(metadata: JsonValue, names: readonly string[]): readonly string[] {
  if (typeof metadata !== "object" || metadata === null) return [];
  const keys = names.flatMap((name) => {
    const value = Object.hasOwn(metadata, name)
      ? (metadata as { [name: string]: JsonValue })[name]
      : undefined;
    return valuesOf(value).map((each) => keyOf(name, each));
  });
  return [...new Set(keys)].sort();
}

function valuesOf(value: JsonValue | undefined): readonly FieldValue[] {
  if (!Array.isArray(value)) return isValue(value) ? [value] : [];
  const values = [...new Set(value.filter(isValue))];
  if (values.length > MAX_VALUES) throw invalid("metadata", `of at most ${MAX_VALUES} values in a field`);
  return values;
}

function isValue(value: unknown): value is FieldValue {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean";
}

function keyOf(name: string, value: FieldValue): string {
  return `${name}/${digestOf("session field", JSON.stringify(value))}`;
}

function nameOf(key: string): string {
  return key.slice(0, key.indexOf("/"));
}

function readNames(names: unknown): readonly string[] {
  if (!Array.isArray(names) || names.length > MAX_FIELDS)
    throw invalid("fields", `an array of up to ${MAX_FIELDS} names`);
  for (const name of names)
    if (readText(name, "fields", MAX_NAME_BYTES) === "" || name.includes("/"))
      throw invalid("fields", "names of fields, without a slash");
  return [...new Set<string>(names)];
}
