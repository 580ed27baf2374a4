/** What JSON can say, and a reader gets back as it was. */
export type JsonValue =
  | null
  | boolean
  | number
  | string
  | readonly JsonValue[]
  | { readonly [name: string]: JsonValue };

/**
 * What is taken for JSON: also what an `interface` describes, which has no index signature. That every part of it has a
 * form in JSON is looked at when it is written.
 */
export type JsonInput = null | boolean | number | string | JsonObjectInput;

/** An object or array, and not one of the classes that the language brings along. */
export type JsonObjectInput = { readonly [name: string]: JsonValue } | (object & NotOfAClass);

/** What Dates, functions, Maps, Sets, promises, buffers and regular expressions have. */
interface NotOfAClass {
  readonly [Symbol.toPrimitive]?: never;
  readonly [Symbol.hasInstance]?: never;
  readonly [Symbol.toStringTag]?: never;
  readonly [Symbol.match]?: never;
}

/** What may be written where `T` is read: all of JSON where that is what `T` is. */
export type JsonInputOf<T> = JsonValue extends T ? JsonInput : T;
