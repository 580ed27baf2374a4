import { type ContentRef, readContentRef } from "../../content/content-ref.js";
import type { ContentKinds } from "../../content/counted-content.js";
import { invalid } from "../../contract/errors.js";
import type { EventId, SessionIdentity } from "../../contract/store.js";
import { type Cell, cellAt, corruptRecord } from "../../typed/cell.js";
import { mappedJson } from "../../typed/codec.js";
import type { JsonValue } from "../../typed/json-value.js";
import { digestOf, itemKind, itemPrefix, readScopedId, scopedEventId } from "../../typed/names.js";
import { timeKey } from "../../typed/time.js";
import { optional, readTime } from "../../validation/fields.js";
import { readBoolean, readNamed } from "../../validation/validate.js";
import { readKind } from "../../validation/validate-text.js";
import { readContentType, readMetadata } from "../fields.js";
import type { ResultInfo } from "./result.js";

/** A result as it is stored. Times in milliseconds since 1970. */
export interface StoredResult {
  readonly id: string;
  readonly content: ContentRef;
  readonly preview: string;
  readonly isWhole: boolean;
  readonly tool?: string;
  readonly contentType?: string;
  readonly metadata: Readonly<Record<string, JsonValue>>;
  readonly at: number;
  readonly expiresAt?: number;
}

const NAME = "result";
export const RESULTS = itemPrefix(NAME);
/** By the time at which results end. */
export const DUE = itemPrefix("result.due");
const FIELDS = ["id", "content", "preview", "isWhole", "tool", "contentType", "metadata", "at", "expiresAt"];

export const RESULT_CONTENT: ContentKinds = {
  contents: "result.content/",
  chunks: "result.chunk/",
  uploads: "result.upload/",
};

export const RESULT_CODEC = mappedJson<StoredResult>({
  write: (result) => result as unknown as JsonValue,
  read(value) {
    const given = readNamed(value, "result", FIELDS) as StoredResult;
    if (typeof given.preview !== "string") throw invalid("preview", "a string");
    return {
      id: readScopedId(given.id, "id"),
      content: readContentRef(given.content),
      preview: given.preview,
      isWhole: readBoolean(given.isWhole, "isWhole"),
      ...optional(given, "tool", readKind),
      ...optional(given, "contentType", readContentType),
      metadata: readMetadata(given.metadata, "metadata"),
      at: readTime(given.at, "at"),
      ...optional(given, "expiresAt", readTime),
    };
  },
});

/** What an entry of the index says of the result that it points at. */
export const DUE_CODEC = mappedJson<string>({
  write: (id) => id,
  read: (value) => readScopedId(value, "id"),
});

export function resultCell(owner: SessionIdentity, id: string): Cell<StoredResult> {
  return cellAt(owner, itemKind(NAME, id), RESULT_CODEC);
}

export function dueCell(owner: SessionIdentity, id: string, expiresAt: number): Cell<string> {
  return cellAt(owner, `${DUE}${timeKey(expiresAt)}.${digestOf(id)}`, DUE_CODEC);
}

export function resultEventId({ user, session }: SessionIdentity, id: string): EventId {
  return scopedEventId(digestOf(NAME, user, session), id);
}

/** CORRUPT for a result that lies where another's belongs. */
export function requireResult(
  cell: Pick<Cell<unknown>, "identity" | "kind">,
  found: StoredResult,
): StoredResult {
  if (cell.kind === RESULTS + found.id) return found;
  throw corruptRecord(cell, "a result lies in the place of another");
}

export function resultInfoOf(stored: StoredResult): ResultInfo {
  const { content, at, expiresAt, ...rest } = stored;
  return {
    ...rest,
    size: content.size,
    sha256: content.sha256,
    createdAt: new Date(at),
    ...(expiresAt !== undefined && { expiresAt: new Date(expiresAt) }),
  };
}
