import type { SeenRecord } from "../typed/cell.js";
import type { Place } from "./kinds.js";
import type { FoundCheckpoint, LoadedChannels } from "./records.js";

/** A checkpoint and its lineage as their records are, with what the checkpoint holds. */
export interface KnownPut {
  readonly lineage: SeenRecord;
  readonly checkpoint: FoundCheckpoint;
  readonly channels: LoadedChannels;
}

const MAX_KNOWN = 256;
const MAX_CHANNELS = 500;
const MAX_BYTES = 64 * 1024;

/**
 * What this process put last to lineages. A put that goes on with such a checkpoint need not read it first, because its commit
 * depends on both records anyway. Each is used once, so a put that was overtaken reads. Bounded in number and in bytes.
 */
export class KnownPuts {
  readonly #known = new Map<string, KnownPut>();

  take(place: Place, id: string): KnownPut | undefined {
    const key = keyOf(place, id);
    const known = this.#known.get(key);
    this.#known.delete(key);
    return known;
  }

  put(place: Place, known: KnownPut): void {
    const { lineage, checkpoint, channels } = known;
    const bytes = lineage.bytes.length + checkpoint.stored.bytes.length;
    if (bytes > MAX_BYTES || channels.channels.size > MAX_CHANNELS) return;
    this.#known.set(keyOf(place, checkpoint.id), known);
    if (this.#known.size <= MAX_KNOWN) return;
    const [oldest] = this.#known.keys();
    this.#known.delete(oldest as string);
  }
}

function keyOf({ owner: { tenant, user, session }, lineage, namespace }: Place, id: string): string {
  return JSON.stringify([tenant, user, session, lineage, namespace, id]);
}
