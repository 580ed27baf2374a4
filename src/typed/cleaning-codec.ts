import { type Codec, isJsonCodec, jsonWith } from "./codec.js";
import type { Clean } from "./json-copy.js";

/**
 * The codec, with the strings of values passed through `clean` before they are encoded. Those of `json` are cleaned as they
 * go into the JSON, after a schema and `toJSON`; those of other codecs in what callers give: in plain objects, arrays, Maps
 * and Sets. What else a codec of its own encodes, such as instances of classes and bytes, it gets as it is.
 */
export function cleaning<T, Input>(codec: Codec<T, Input>, clean: Clean): Codec<T, Input> {
  if (isJsonCodec(codec)) return jsonWith(codec, clean);
  return {
    version: codec.version,
    encode: (value) => codec.encode(new CleanCopy(clean).of(value) as Input),
    decode: (bytes, version) => codec.decode(bytes, version),
  };
}

/** Copies the plain parts of a value; each object once, so that cycles and shared parts stay what they are. */
class CleanCopy {
  readonly #clean: Clean;
  readonly #copies = new Map<object, unknown>();

  constructor(clean: Clean) {
    this.#clean = clean;
  }

  of(value: unknown, name?: string): unknown {
    if (typeof value === "string") return this.#clean(value, name);
    if (typeof value !== "object" || value === null) return value;
    return this.#copies.get(value) ?? this.#copyOf(value);
  }

  #copyOf(part: object): unknown {
    if (Array.isArray(part)) {
      const copy: unknown[] = this.#keep(part, new Array(part.length));
      for (const index of part.keys()) if (index in part) copy[index] = this.of(part[index]);
      return copy;
    }
    if (part instanceof Map) {
      const copy = this.#keep(part, new Map<unknown, unknown>());
      for (const [key, value] of part) copy.set(key, this.of(value, nameOf(key)));
      return copy;
    }
    if (part instanceof Set) {
      const copy = this.#keep(part, new Set<unknown>());
      for (const member of part) copy.add(this.of(member));
      return copy;
    }
    const prototype = Object.getPrototypeOf(part) as object | null;
    if (prototype !== null && prototype !== Object.prototype) return part;
    const copy = this.#keep(part, Object.create(prototype) as Record<PropertyKey, unknown>);
    for (const key of Reflect.ownKeys(part)) {
      const value = this.of((part as Record<PropertyKey, unknown>)[key], nameOf(key));
      Object.defineProperty(copy, key, { value, writable: true, enumerable: true, configurable: true });
    }
    return copy;
  }

  #keep<C>(part: object, copy: C): C {
    this.#copies.set(part, copy);
    return copy;
  }
}

function nameOf(key: unknown): string | undefined {
  return typeof key === "string" ? key : undefined;
}
