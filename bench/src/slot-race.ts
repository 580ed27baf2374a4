import type { Contestant, Operation } from "./contestant.js";
import { randomPayloads, shuffled } from "./random.js";
import { SLOTS } from "./slots.js";

/** A store as seen by a race of saves and loads; a promise where calls overlap. Loading what is not there throws. */
export interface SlotStore {
  readonly overlaps: boolean;
  readonly settings: string;
  save(slot: number, bytes: Buffer): unknown;
  /** Saves several at once; then this is what is raced. */
  readonly batch?: {
    readonly size: number;
    save(slots: readonly number[], bytes: readonly Buffer[]): unknown;
  };
  load(slot: number): unknown;
  /** What is stored there, for comparison. */
  read(slot: number): Promise<Uint8Array> | Uint8Array;
  /** Does a filling in one step, where that is faster. */
  together?(fill: () => Promise<void>): Promise<void>;
  close(): unknown;
}

const PAYLOADS = 256;
const CHECKED = 500;
const FILLED_AT_ONCE = 256;

/**
 * Filled in few transactions, a write-ahead log is still short of the length at which it starts again from its
 * beginning, and until then every sync has to note a new length as well: so it is filled until that is behind it.
 */
const FILLINGS = 4;

/** Fills every slot, then saves over them and loads them in random order, always the same. */
export async function slotRace(store: SlotStore, payloadBytes: number): Promise<Contestant> {
  const payloads = randomPayloads(PAYLOADS, payloadBytes, payloadBytes);
  const asked = new Int16Array(SLOTS);
  const order = shuffled(SLOTS, 1);
  let saves = 0;
  let loads = 0;
  const nextPayload = (slot: number): Buffer => {
    const which = saves++ % PAYLOADS;
    asked[slot] = which;
    return payloads[which] as Buffer;
  };
  const nextSave = (): number => order[saves % SLOTS] as number;

  const saveOne = (): unknown => {
    const slot = nextSave();
    return store.save(slot, nextPayload(slot));
  };
  const saveBatch = (size: number): number => {
    const slots: number[] = [];
    const bytes: Buffer[] = [];
    for (let left = size; left > 0; left--) {
      const slot = nextSave();
      slots.push(slot);
      bytes.push(nextPayload(slot));
    }
    store.batch?.save(slots, bytes);
    return size;
  };
  const { batch } = store;
  const save: Operation =
    batch === undefined ? { run: saveOne } : { run: () => void saveBatch(batch.size), counts: batch.size };
  const load: Operation = { run: () => store.load(order[loads++ % SLOTS] as number) };

  const fill = async (): Promise<void> => {
    for (let done = 0; done < SLOTS; done += FILLED_AT_ONCE) {
      const size = Math.min(FILLED_AT_ONCE, SLOTS - done);
      await Promise.all(Array.from({ length: size }, saveOne));
    }
  };
  if (store.together === undefined) await fill();
  else for (let filling = 0; filling < FILLINGS; filling++) await store.together(fill);

  const check = async (): Promise<void> => {
    for (const slot of order.subarray(0, CHECKED)) {
      const stored = await store.read(slot);
      const wanted = payloads[asked[slot] as number] as Buffer;
      if (!wanted.equals(stored)) throw new Error(`slot ${slot} does not hold what was saved into it last`);
    }
  };
  return {
    overlaps: store.overlaps,
    settings: store.settings,
    operations: { save, load },
    check,
    close: () => store.close(),
  };
}
