import { type ContentRef, readContentRef } from "../content/content-ref.js";
import type { ContentKinds } from "../content/counted-content.js";
import type { EventId, SessionIdentity } from "../contract/store.js";
import { type Cell, cellAt, corruptRecord } from "../typed/cell.js";
import { mappedJson } from "../typed/codec.js";
import type { JsonValue } from "../typed/json-value.js";
import { digestOf, itemKind, itemPrefix, scopedEventId } from "../typed/names.js";
import { optional, readTime } from "../validation/fields.js";
import { readInteger, readNamed } from "../validation/validate.js";
import type { ArtifactInfo } from "./artifact.js";
import { readContentType, readMetadata, readName } from "./fields.js";

/** A version as it is stored. */
export interface StoredVersion {
  readonly name: string;
  readonly version: number;
  readonly content: ContentRef;
  readonly contentType?: string;
  readonly metadata: Readonly<Record<string, JsonValue>>;
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** What is stored of a name. Every put and every deletion of a version changes it. */
export interface StoredHead {
  /** The number that the next version gets. */
  readonly next: number;
  /** The last version. */
  readonly last: StoredVersion;
}

export const HEADS = "artifact";
const VERSIONS = "artifact.version";
export const VERSIONS_PREFIX = itemPrefix(VERSIONS);
const VERSION_DIGITS = 12;
const MOST = Number.MAX_SAFE_INTEGER;

export const CONTENT: ContentKinds = {
  contents: "artifact.content/",
  chunks: "artifact.chunk/",
  uploads: "artifact.upload/",
};

export const VERSION_CODEC = mappedJson<StoredVersion>({
  write: (version) => version as unknown as JsonValue,
  read: readVersion,
});

export const HEAD_CODEC = mappedJson<StoredHead>({
  write: (head) => head as unknown as JsonValue,
  read(value) {
    const { next, last } = readNamed(value, "head", ["next", "last"]) as StoredHead;
    return { next: readInteger(next, "next", 2, MOST), last: readVersion(last) };
  },
});

function readVersion(value: unknown): StoredVersion {
  const fields = ["name", "version", "content", "contentType", "metadata", "at"];
  const given = readNamed(value, "version", fields) as StoredVersion;
  return {
    name: readName(given.name, "name"),
    version: readInteger(given.version, "version", 1, MOST),
    content: readContentRef(given.content),
    ...optional(given, "contentType", readContentType),
    metadata: readMetadata(given.metadata, "metadata"),
    at: readTime(given.at, "at"),
  };
}

export function headCell(owner: SessionIdentity, name: string): Cell<StoredHead> {
  return cellAt(owner, itemKind(HEADS, name), HEAD_CODEC);
}

export function versionCell(owner: SessionIdentity, name: string, version: number): Cell<StoredVersion> {
  return cellAt(owner, versionsOf(name) + numberKey(version), VERSION_CODEC);
}

/** The prefix of the versions of a name, in their order. A name may hold slashes, so it is written in base64url. */
export function versionsOf(name: string): string {
  return `${VERSIONS_PREFIX}${Buffer.from(name).toString("base64url")}/`;
}

/** The kind of the head that shows a version. */
export function headKindOf(versionKind: string): string {
  const [, name = ""] = versionKind.split("/", 2);
  return itemPrefix(HEADS) + Buffer.from(name, "base64url").toString();
}

export function numberKey(version: number): string {
  return String(version).padStart(VERSION_DIGITS, "0");
}

/** The event id of a version that was put under an id of the caller's. */
export function versionEventId({ user, session }: SessionIdentity, id: string): EventId {
  return scopedEventId(digestOf(VERSIONS, user, session), id);
}

/** CORRUPT for a head that lies where another name's belongs. */
export function requireHead(cell: Cell<StoredHead>, head: StoredHead, name: string): StoredHead {
  if (head.last.name === name && head.last.version < head.next) return head;
  throw corruptRecord(cell, "the record of an artifact has another's name or number");
}

/** CORRUPT for a version that lies where another one belongs. */
export function requireVersion(
  cell: Pick<Cell<unknown>, "identity" | "kind">,
  found: StoredVersion,
  name: string,
): StoredVersion {
  if (found.name === name && cell.kind === versionsOf(name) + numberKey(found.version)) return found;
  throw corruptRecord(cell, "a version lies in the place of another");
}

export function infoOf({ name, version, content, contentType, metadata, at }: StoredVersion): ArtifactInfo {
  return {
    name,
    version,
    size: content.size,
    sha256: content.sha256,
    ...(contentType !== undefined && { contentType }),
    metadata,
    createdAt: new Date(at),
  };
}
