/** A value that JSON carries without change. */
export type JsonValue =
  | null
  | boolean
  | number
  | string
  | readonly JsonValue[]
  | { readonly [name: string]: JsonValue };

/**
 * A value to write as JSON. The type also accepts objects that an `interface` describes, which have no index signature.
 * Whether JSON can carry all parts of the value is checked when it is written.
 */
export type JsonInput = null | boolean | number | string | JsonObjectInput;

/** An object or array, but no instance of a built-in class. */
export type JsonObjectInput = { readonly [name: string]: JsonValue } | (object & NotOfAClass);

/** Members that Dates, functions, Maps, Sets, promises, buffers and regular expressions have, and plain objects do not. */
interface NotOfAClass {
  readonly [Symbol.toPrimitive]?: never;
  readonly [Symbol.hasInstance]?: never;
  readonly [Symbol.toStringTag]?: never;
  readonly [Symbol.match]?: never;
}

/** The type to write where `T` is read: `JsonInput` if `T` is `JsonValue`, otherwise `T`. */
export type JsonInputOf<T> = JsonValue extends T ? JsonInput : T;
