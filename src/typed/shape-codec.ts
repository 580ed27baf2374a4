import { readNamed } from "../validation/validate.js";
import type { ShapeOptions } from "./cell-operations.js";
import { type Codec, readCodec } from "./codec.js";
import { InputReader } from "./input-reader.js";

/** The codec of a shape: the one given, or plain JSON. With `redact`, the strings of values are redacted before. */
export function readShapeCodec<T, Input>(options: ShapeOptions<T, Input>, name: string): Codec<T, Input> {
  const { redact: _, ...rest } = readNamed(options, "options", ["codec", "redact"]) as ShapeOptions<T, Input>;
  return new InputReader(options, name).codec(readCodec(rest));
}
