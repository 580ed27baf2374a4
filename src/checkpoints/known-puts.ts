import type { SeenRecord } from "../typed/cell.js";
import { KnownRecords, payloadBytesOf } from "../typed/known-records.js";
import type { Place } from "./kinds.js";
import type { FoundCheckpoint, LoadedChannels } from "./records.js";

/** A checkpoint and its lineage as their records are, with what the checkpoint holds. */
export interface KnownPut {
  readonly lineage: SeenRecord;
  readonly checkpoint: FoundCheckpoint;
  readonly channels: LoadedChannels;
}

/** What a channel takes, with its name and the key of its value. */
const CHANNEL_BYTES = 64;

/** The last puts of this process, by place and id: a put that goes on with one need not read it first. */
export function knownPuts(): KnownRecords<KnownPut> {
  return new KnownRecords(
    ({ lineage, checkpoint, channels }) =>
      payloadBytesOf([lineage, checkpoint.stored]) + channels.channels.size * CHANNEL_BYTES,
  );
}

export function keyOfPut(
  { owner: { tenant, user, session }, lineage, namespace }: Place,
  id: string,
): string {
  return JSON.stringify([tenant, user, session, lineage, namespace, id]);
}
