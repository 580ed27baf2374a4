import { randomBytes } from "node:crypto";
import { type ContentSource, readSource } from "../../content/source.js";
import type { SessionIdentity } from "../../contract/store.js";
import { copySession } from "../../typed/cell.js";
import type { InputReader } from "../../typed/input-reader.js";
import { readScopedId } from "../../typed/names.js";
import { optional, readTtl } from "../../validation/fields.js";
import { readInteger, readLimit, readNamed, readOptions, readSignal } from "../../validation/validate.js";
import { readKind } from "../../validation/validate-text.js";
import { readContentType, readMetadata } from "../fields.js";
import type { ListResultsOptions, NewResult } from "./result.js";
import type { StoredResult } from "./stored-result.js";

/** A put as it was read. */
export interface ResultInput extends Pick<StoredResult, "id" | "tool" | "contentType" | "metadata"> {
  readonly owner: SessionIdentity;
  readonly source: ContentSource;
  readonly previewBytes: number;
  readonly ttlMs?: number;
  /** The caller brought the id. */
  readonly isOwnId: boolean;
}

const FIELDS = ["content", "tool", "contentType", "metadata", "previewBytes", "ttlMs", "id"];
const DEFAULT_PREVIEW = 2_048;
const MAX_PREVIEW = 16_384;
const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 1_000;
const ID_BYTES = 6;

/** Reads what `put` is given. INVALID_RECORD. */
export function readNewResult(
  identity: SessionIdentity,
  result: unknown,
  smallBytes: number,
  inputs: InputReader,
): ResultInput {
  const owner = copySession(identity);
  const given = readNamed(result, "result", FIELDS) as NewResult;
  const isOwnId = "id" in given;
  return {
    owner,
    source: readSource(inputs.content(given.content), smallBytes),
    ...optional(given, "tool", readKind),
    ...optional(given, "contentType", readContentType),
    metadata: "metadata" in given ? readMetadata(given.metadata, "metadata", inputs) : {},
    previewBytes:
      "previewBytes" in given
        ? readInteger(given.previewBytes, "previewBytes", 0, MAX_PREVIEW)
        : DEFAULT_PREVIEW,
    ...optional(given, "ttlMs", readTtl),
    id: isOwnId ? readScopedId(given.id, "id") : `r-${randomBytes(ID_BYTES).toString("hex")}`,
    isOwnId,
  };
}

export function readResultList(options: ListResultsOptions | undefined) {
  const given = readOptions(options, ["after", "limit", "signal"]) as ListResultsOptions;
  return {
    after: given.after === undefined ? undefined : readScopedId(given.after, "after"),
    limit: given.limit === undefined ? DEFAULT_LIMIT : readLimit(given.limit, MAX_LIMIT),
    signal: readSignal(given),
  };
}
