import type { PoolKinds } from "../content/value-pool.js";
import type { RecordHeader, SessionIdentity } from "../contract/store.js";
import { digestOf, scopedEventId } from "../typed/names.js";

/** Where checkpoints of one namespace lie. */
export interface Place {
  readonly owner: SessionIdentity;
  readonly lineage: string;
  readonly namespace: string;
}

const NUMBER_DIGITS = 12;
const INDEX_DIGITS = 6;
/** The length of what `purposeOf` returns. */
const PURPOSE_LENGTH = 22;
/** Added to the index of a write, so that negative ones sort first. */
const INDEX_OFFSET = 1_000;

/** The lineages of a session, by the digest of their name. */
export const LINEAGES = "checkpoint.lineage";
/** Everything that is pending. */
const WRITES = "checkpoint.write/";
/** The values that are being uploaded. */
export const UPLOADS = "checkpoint.upload/";

export function lineageId(lineage: string): string {
  return digestOf(lineage);
}

/** The prefix of all checkpoints of a lineage. */
export function checkpointsOf(lineage: string): string {
  return `checkpoint.at/${lineageId(lineage)}/`;
}

/** The prefix of the checkpoints of one namespace, in the order of their numbers. */
export function checkpointsIn({ lineage, namespace }: Pick<Place, "lineage" | "namespace">): string {
  return `${checkpointsOf(lineage)}${digestOf(namespace)}/`;
}

export function checkpointKind(place: Pick<Place, "lineage" | "namespace">, number: number): string {
  return checkpointsIn(place) + digitsOf(number);
}

/** The same, of a namespace by its digest. */
export function checkpointKindIn(lineage: string, namespace: string, number: number): string {
  return `${checkpointsOf(lineage)}${namespace}/${digitsOf(number)}`;
}

function digitsOf(number: number): string {
  return String(number).padStart(NUMBER_DIGITS, "0");
}

/** The digest of the namespace in the kind of a checkpoint. */
export function namespaceIn(kind: string): string {
  return kind.split("/", 3)[2] as string;
}

/** A bound after the kinds of all checkpoints of the same namespace. */
export function endOfNamespace(kind: string): string {
  // Digits come before it.
  return `${kind.slice(0, kind.lastIndexOf("/") + 1)}~`;
}

/** The number in the kind of a checkpoint; NaN for any other kind. */
export function numberOf(kind: string): number {
  const digits = kind.slice(kind.lastIndexOf("/") + 1);
  return digits.length === NUMBER_DIGITS && /^\d+$/.test(digits) ? Number(digits) : Number.NaN;
}

/** The prefix of everything that is pending in a lineage. */
export function writesOf(lineage: string): string {
  return `${WRITES}${lineageId(lineage)}/`;
}

/** The prefix of everything that is pending for one checkpoint. */
export function writesFor(place: Pick<Place, "lineage" | "namespace">, id: string): string {
  return `${writesOf(place.lineage)}${digestOf(place.namespace)}/${digestOf(id)}/`;
}

/** What stands between `writesOf` and what is pending for a checkpoint: the digests of its namespace and of its id. */
export function pendingPath({ kind, eventId }: Pick<RecordHeader, "kind" | "eventId">): string {
  return `${namespaceIn(kind)}/${digestOf(idIn(eventId))}/`;
}

export function writeKind(place: Place, id: string, task: string, index: number): string {
  const position = String(index + INDEX_OFFSET).padStart(INDEX_DIGITS, "0");
  return `${pendingKinds(writesFor(place, id)).writes}${digestOf(task)}/${position}`;
}

/** The values that the checkpoints of a lineage and of its forks share. */
export function poolKinds(pool: string): PoolKinds {
  return {
    values: `checkpoint.value/${pool}/`,
    chunks: `checkpoint.chunk/${pool}/`,
    uploads: `${UPLOADS}${pool}/`,
  };
}

/** What lies under `writesFor`: the writes, and a pool of those values among them that are large. */
export function pendingKinds(prefix: string): PoolKinds & { readonly writes: string } {
  const [lineage, namespace, id] = prefix.slice(WRITES.length).split("/");
  const uploads = `${UPLOADS}${lineage}.${namespace}.${id}/`;
  return { writes: `${prefix}w/`, values: `${prefix}v/`, chunks: `${prefix}c/`, uploads };
}

/** Where an upload belongs, and the key of its value. */
export function uploadAt(kind: string): { readonly kinds: PoolKinds; readonly key: string } {
  const slash = kind.lastIndexOf("/");
  const where = kind.slice(UPLOADS.length, slash);
  const key = kind.slice(slash + 1);
  const [lineage, namespace, id] = where.split(".");
  if (namespace === undefined || id === undefined) return { kinds: poolKinds(where), key };
  return { kinds: pendingKinds(`${WRITES}${lineage}/${namespace}/${id}/`), key };
}

/** The prefix of the uploads of all pending writes of a lineage. */
export function uploadsOfWrites(lineage: string): string {
  return `${UPLOADS}${lineageId(lineage)}.`;
}

/** The records that every removal of checkpoints from a pool changes. */
export const REMOVALS = "checkpoint.removals/";

export function removalsKind(pool: string): string {
  return REMOVALS + pool;
}

/** The pool of such a record. */
export function poolOfRemovals(kind: string): string {
  return kind.slice(REMOVALS.length);
}

/** The purpose of the event ids of checkpoints, by which they are found. Copies in a fork have a purpose of their own. */
export function purposeOf({ owner, lineage, namespace }: Place, copy = ""): string {
  return digestOf("checkpoint", owner.user, owner.session, lineage, namespace, copy);
}

export function checkpointEventId(place: Place, id: string, copy?: string): string {
  return scopedEventId(purposeOf(place, copy), id);
}

/** The caller's id in the event id of a checkpoint. */
export function idIn(eventId: string): string {
  return eventId.slice(PURPOSE_LENGTH + 1);
}
