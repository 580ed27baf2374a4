import type { EventId, RecordHeader, SessionIdentity, StateStore } from "../contract/store.js";
import { decodeStored } from "../typed/cell.js";
import { movedEventId } from "../typed/moving/moved-record.js";
import type { SessionMove, UserData } from "../typed/moving/user-data.js";
import { itemKind, itemPrefix, scopedEventId } from "../typed/names.js";
import { CHECKPOINT_CODEC } from "./checkpoint-record.js";
import { idIn, LINEAGES, purposeOf, REMOVALS } from "./kinds.js";
import { LINEAGE_CODEC, type LineageRecord } from "./lineage-record.js";

const CHECKPOINTS = "checkpoint.at/";

/** How checkpoints move to another user: with more than a commit takes, the lineages last, without which nobody sees them. */
export function movingCheckpoints(store: StateStore): UserData {
  const known = new WeakMap<SessionMove, Map<string, Promise<CheckpointNames | undefined>>>();
  return {
    name: "lineages",
    records: [
      { kind: itemPrefix(LINEAGES), isCounted: true },
      { kind: CHECKPOINTS, eventId: (record, move) => movedCheckpointId(record, move, namesOf) },
    ],
    gated: [
      {
        // Every put changes its lineage, and every removal the record of removals.
        gates: [itemPrefix(LINEAGES), REMOVALS],
        gateOf: (kind) =>
          kind.startsWith(CHECKPOINTS) ? itemKind(LINEAGES, kind.split("/", 2)[1]) : undefined,
        bulk: [CHECKPOINTS, "checkpoint.value/", "checkpoint.chunk/"],
        isErased: false,
      },
    ],
  };

  /** The checkpoints of one namespace have the same names. */
  function namesOf(record: RecordHeader, move: SessionMove): Promise<CheckpointNames | undefined> {
    const ofMove = known.get(move) ?? new Map<string, Promise<CheckpointNames | undefined>>();
    known.set(move, ofMove);
    const place = record.kind.slice(0, record.kind.lastIndexOf("/"));
    const names = ofMove.get(place) ?? readNames(store, record, move);
    ofMove.set(place, names);
    return names;
  }
}

interface CheckpointNames {
  readonly lineage: LineageRecord;
  readonly namespace: string;
}

type NamesOf = (record: RecordHeader, move: SessionMove) => Promise<CheckpointNames | undefined>;

/** Checkpoints are found by their event ids, in which are the lineage and the namespace. */
async function movedCheckpointId(
  record: RecordHeader,
  move: SessionMove,
  namesOf: NamesOf,
): Promise<EventId> {
  const names = await namesOf(record, move);
  if (names === undefined) return movedEventId(record, move.to);
  const { lineage, namespace } = names;
  const purpose = (owner: SessionIdentity, copy?: string) =>
    purposeOf({ owner, lineage: lineage.name, namespace }, copy);
  const copy = lineage.origin?.copy;
  const isCopy = copy !== undefined && record.eventId.startsWith(scopedEventId(purpose(move.from, copy), ""));
  return scopedEventId(purpose(move.to, isCopy ? copy : undefined), idIn(record.eventId));
}

/** `undefined` where there is no such lineage any more. */
async function readNames(
  store: StateStore,
  { identity, kind }: RecordHeader,
  { from, to }: SessionMove,
): Promise<CheckpointNames | undefined> {
  const [, id] = kind.split("/", 2);
  const lineageAt = (owner: SessionIdentity) => store.find(owner, itemKind(LINEAGES, id));
  const lineage = await decodeStored(LINEAGE_CODEC, (await lineageAt(from)) ?? (await lineageAt(to)));
  const checkpoint = await decodeStored(CHECKPOINT_CODEC, await store.find(identity, kind));
  if (lineage === undefined || checkpoint === undefined) return undefined;
  return { lineage: lineage.value, namespace: checkpoint.value.namespace };
}
