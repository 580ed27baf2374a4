import type { ContentSource } from "../content/source.js";
import { readSource } from "../content/source.js";
import { invalid } from "../contract/errors.js";
import type { CallOptions, EventId, SessionIdentity } from "../contract/store.js";
import type { InputReader } from "../typed/input-reader.js";
import { readScopedId } from "../typed/names.js";
import { optional } from "../validation/fields.js";
import { readInteger, readLimit, readNamed, readOptions, readSignal } from "../validation/validate.js";
import { readText } from "../validation/validate-text.js";
import type {
  ArtifactVersionOptions,
  ListArtifactsOptions,
  ListVersionsOptions,
  NewArtifact,
} from "./artifact.js";
import { readContentType, readMetadata, readName, readOwner } from "./fields.js";
import { type StoredVersion, versionEventId } from "./stored-artifact.js";

/** A put as it was read. */
export interface PutInput extends Pick<StoredVersion, "name" | "contentType" | "metadata"> {
  readonly owner: SessionIdentity;
  readonly source: ContentSource;
  readonly eventId?: EventId;
  readonly expect?: number;
}

const FIELDS = ["name", "content", "contentType", "metadata", "id", "expect"];
const MOST = Number.MAX_SAFE_INTEGER;
const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 1_000;
const MAX_PREFIX_BYTES = 255;

/** Reads what `put` is given. INVALID_RECORD. */
export function readPut(
  identity: unknown,
  artifact: unknown,
  smallBytes: number,
  inputs: InputReader,
): PutInput {
  const owner = readOwner(identity);
  const given = readNamed(artifact, "artifact", FIELDS) as NewArtifact;
  return {
    owner,
    name: readName(given.name, "name"),
    source: readSource(inputs.content(given.content), smallBytes),
    ...optional(given, "contentType", readContentType),
    metadata: "metadata" in given ? readMetadata(given.metadata, "metadata", inputs) : {},
    ...("id" in given && { eventId: versionEventId(owner, readScopedId(given.id, "id")) }),
    ...optional(given, "expect", (value, field) => readInteger(value, field, 0, MOST)),
  };
}

export function readVersionOptions(options: ArtifactVersionOptions | undefined): {
  readonly version: number | undefined;
  readonly signal: AbortSignal | undefined;
} {
  const given = readOptions(options, ["version", "signal"]) as ArtifactVersionOptions;
  const version = given.version === undefined ? undefined : readInteger(given.version, "version", 1, MOST);
  return { version, signal: readSignal(given) };
}

export function readList(options: ListArtifactsOptions | undefined) {
  const given = readOptions(options, ["prefix", "after", "limit", "signal"]) as ListArtifactsOptions;
  return {
    prefix: "prefix" in given ? readText(given.prefix, "prefix", MAX_PREFIX_BYTES) : "",
    after: given.after === undefined ? undefined : readName(given.after, "after"),
    limit: given.limit === undefined ? DEFAULT_LIMIT : readLimit(given.limit, MAX_LIMIT),
    signal: readSignal(given),
  };
}

export function readVersions(options: ListVersionsOptions | undefined) {
  const given = readOptions(options, ["after", "limit", "signal"]) as ListVersionsOptions;
  return {
    after: given.after === undefined ? undefined : readInteger(given.after, "after", 1, MOST),
    limit: given.limit === undefined ? DEFAULT_LIMIT : readLimit(given.limit, MAX_LIMIT),
    signal: readSignal(given),
  };
}

export function readCall(options: CallOptions | undefined): { readonly signal: AbortSignal | undefined } {
  return { signal: readSignal(readOptions(options, ["signal"])) };
}

/** INVALID_RECORD of `content`, unless it is small enough for a commit with others. */
export function requireSmall(source: ContentSource, smallBytes: number): Uint8Array {
  if (source instanceof Uint8Array && source.length <= smallBytes) return source;
  throw invalid(
    "content",
    `bytes or a text of up to ${smallBytes} bytes in a unit; put larger content alone`,
  );
}
