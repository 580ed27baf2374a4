import { setTimeout as sleep } from "node:timers/promises";
import {
  type Identity,
  type NewRecord,
  newEventId,
  type StateStore,
  type Watch,
  type WatchedSlot,
} from "../../src/index.js";

/** A record with a fresh event, whose payload is this text. */
export function note(identity: Identity, kind: string, text = "x"): NewRecord {
  return { eventId: newEventId(), identity, kind, bytes: new TextEncoder().encode(text) };
}

/** What a notice says: the kind and the text, or `undefined` for an empty slot. */
export function told({ kind, record }: WatchedSlot): readonly [kind: string, text: string | undefined] {
  return [kind, record && new TextDecoder().decode(record.bytes)];
}

/** The next notice. Rejects if none comes. */
export async function nextOf(watch: Watch, withinMs = 20_000): Promise<WatchedSlot> {
  const { done, value } = await within(watch.next(), withinMs);
  if (done) throw new Error("the watch has ended");
  return value;
}

export async function within<T>(promise: Promise<T>, ms = 20_000): Promise<T> {
  const timer = new AbortController();
  const late = sleep(ms, undefined, { signal: timer.signal }).then(() => {
    throw new Error(`nothing came within ${ms} ms`);
  });
  late.catch(() => {});
  try {
    return await Promise.race([promise, late]);
  } finally {
    timer.abort();
  }
}

/** Collects the texts of one slot until this one is there. */
export async function textsUntil(watch: Watch, last: string): Promise<(string | undefined)[]> {
  const texts: (string | undefined)[] = [];
  for await (const notice of watch) {
    const [, text] = told(notice);
    texts.push(text);
    if (text === last) return texts;
  }
  throw new Error(`the watch ended before ${last}`);
}

/** Saves texts one after another, each over the last. */
export async function saveAll(store: StateStore, identity: Identity, kind: string, texts: readonly string[]) {
  for (const text of texts) await store.save(note(identity, kind, text));
}
