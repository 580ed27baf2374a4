import { type Codec, mappedJson } from "../typed/codec.js";
import type { JsonValue } from "../typed/json-value.js";
import { readTime } from "../validation/fields.js";
import { readObject } from "../validation/validate.js";
import type { ContentRecord } from "./stored.js";

/** Stores contents as JSON. `read` refuses what is none. */
export function contentCodec<C>(
  read: (content: object) => C,
  mayBeLarge: (content: C) => boolean = () => true,
): Codec<ContentRecord<C>> {
  return mappedJson<ContentRecord<C>>({
    write: (record) => ({ ...record }) as unknown as JsonValue,
    mayBeLarge: ({ content }) => mayBeLarge(content),
    read(value) {
      const { createdAt, content } = readObject(value, "record") as Partial<ContentRecord<unknown>>;
      return { createdAt: readTime(createdAt, "createdAt"), content: read(readObject(content, "content")) };
    },
  });
}
