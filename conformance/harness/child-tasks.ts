import { setTimeout as sleep, setImmediate as turn } from "node:timers/promises";
import {
  type Identity,
  isStateError,
  type NewRecord,
  newEventId,
  type RecordKey,
  type SessionIdentity,
  type StateStore,
} from "../../src/index.js";

/** What a child process can be asked to do. Arguments cross the process boundary, so they are plain data. */
export const childTasks = { saveOn, saveOnce, increment, savePairs, eraseOn, overwrite, swap };

export type ChildTasks = typeof childTasks;
export type ChildTaskName = keyof ChildTasks;

type Report = (value: unknown) => void;

/** What `saveOn` reports of an acknowledged commit. */
export interface Acknowledged {
  readonly number: number;
  readonly eventIds: readonly string[];
}

/** Commits pairs of records, eight commits at a time, and reports each acknowledged commit. Runs until it is killed. */
async function saveOn(store: StateStore, task: { identity: Identity }, report: Report): Promise<never> {
  let next = 0;
  const writer = async (): Promise<never> => {
    for (;;) {
      const number = next++;
      const pair = numberedPair(task.identity, number);
      await store.commit(pair.map((record) => ({ op: "save", record })));
      report({ number, eventIds: pair.map((record) => record.eventId) } satisfies Acknowledged);
    }
  };
  return Promise.race(Array.from({ length: 8 }, writer));
}

/** The two records of `saveOn` with this number; with the ids they were saved under, they make a retry. */
export function numberedPair(
  identity: Identity,
  number: number,
  eventIds: readonly string[] = [],
): NewRecord[] {
  const kinds = [`left/${number}`, `right/${number}`];
  return kinds.map((kind, side) => ({
    eventId: eventIds[side] ?? newEventId(),
    identity,
    kind,
    bytes: new TextEncoder().encode(`payload of ${kind}`),
  }));
}

async function saveOnce(store: StateStore, task: { record: NewRecord }): Promise<boolean> {
  return (await store.save(task.record)).duplicate;
}

/** Increments a counter by compare-and-swap, and starts over when another process was faster. */
export async function increment(
  store: StateStore,
  task: { identity: Identity; kind: string; times: number },
): Promise<void> {
  for (let done = 0; done < task.times; ) {
    const current = await store.find(task.identity, task.kind);
    const count = current === undefined ? 0 : Number(new TextDecoder().decode(current.bytes));
    const bytes = new TextEncoder().encode(String(count + 1));
    const record = { eventId: newEventId(), identity: task.identity, kind: task.kind, bytes };
    if (await swapped(store, record, current?.eventId ?? null)) done++;
  }
}

/** Commits both kinds of a pair with the same stamp, repeatedly. */
export async function savePairs(
  store: StateStore,
  task: { identity: Identity; kinds: readonly string[]; times: number },
): Promise<void> {
  for (let round = 0; round < task.times; round++) {
    const bytes = new TextEncoder().encode(newEventId());
    await store.commit(
      task.kinds.map((kind) => ({
        op: "save",
        record: { eventId: newEventId(), identity: task.identity, kind, bytes },
      })),
    );
  }
}

/** Erases a session repeatedly, until a record says to stop. Returns how many records each erase removed. */
export async function eraseOn(
  store: StateStore,
  task: { session: SessionIdentity; over: RecordKey },
): Promise<number[]> {
  const counts: number[] = [];
  while (!(await isOver(store, task.over))) {
    counts.push(await store.erase(task.session));
    // In step with the writers beside it, an erase would always meet the same moment.
    for (let pause = counts.length % 5; pause >= 0; pause--) await turn();
  }
  return counts;
}

/** An unconditional save, and the event that its writer found current afterwards. */
export interface Overwritten {
  readonly eventId: string;
  readonly foundAfterwards: string | undefined;
}

/**
 * Overwrites a slot without conditions, and reads the current event after every save. Pauses after every second one, or
 * conditional saves of other processes would hardly ever find time between two.
 */
async function overwrite(
  store: StateStore,
  task: { identity: Identity; kind: string; times: number },
): Promise<Overwritten[]> {
  const saves: Overwritten[] = [];
  for (let round = 0; round < task.times; round++) {
    const eventId = newEventId();
    await store.save({
      eventId,
      identity: task.identity,
      kind: task.kind,
      bytes: new Uint8Array([round % 256]),
    });
    saves.push({ eventId, foundAfterwards: (await store.find(task.identity, task.kind))?.eventId });
    if (round % 2 === 1) await sleep(1);
  }
  return saves;
}

/** A conditional save that succeeded, and the event it replaced. */
export interface Swap {
  readonly eventId: string;
  readonly replaced: string | null;
}

/** Saves on condition of the event it saw last, until a record says to stop. Returns the saves that succeeded. */
async function swap(
  store: StateStore,
  task: { identity: Identity; kind: string; over: RecordKey },
): Promise<Swap[]> {
  const swaps: Swap[] = [];
  while (!(await isOver(store, task.over))) {
    const replaced = (await store.find(task.identity, task.kind))?.eventId ?? null;
    const eventId = newEventId();
    const record = { eventId, identity: task.identity, kind: task.kind, bytes: new Uint8Array(1) };
    if (await swapped(store, record, replaced)) swaps.push({ eventId, replaced });
  }
  return swaps;
}

async function isOver(store: StateStore, { identity, kind }: RecordKey): Promise<boolean> {
  return (await store.find(identity, kind)) !== undefined;
}

async function swapped(store: StateStore, record: NewRecord, expect: string | null): Promise<boolean> {
  try {
    await store.save(record, { expect });
    return true;
  } catch (error) {
    if (isStateError(error, "CONDITION_FAILED")) return false;
    throw error;
  }
}
