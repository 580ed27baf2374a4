import { statSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import "../../../dist/drivers/index.js";
import { newEventId, openStore, type StateStore } from "../../../dist/src/index.js";
import { randomIntegers, randomPayloads } from "../random.js";
import type { OverwriteResult } from "../results.js";
import { identityOf, slotAt } from "../slots.js";

export interface OverwritesInput {
  readonly folder: string;
  readonly overwrites: number;
}

const OVERWRITTEN = 1_000;
const WINDOW_MS = 1_000;
const CALLERS = 64;
const BYTES = 256;
const PARTS = 10;

/** Saves over the same few slots again and again, while old event ids are forgotten. */
export async function run({ folder, overwrites }: OverwritesInput): Promise<OverwriteResult> {
  const path = join(folder, "overwrites.db");
  const store = await openStore({ driver: "sqlite", path, idempotencyWindowMs: WINDOW_MS });
  const part = overwrites / PARTS;
  const tenths: { perSecond: number; fileBytes: number }[] = [];
  for (let done = 0; done < PARTS; done++) {
    const started = performance.now();
    await overwrite(store, part, done);
    const perSecond = (part / (performance.now() - started)) * 1_000;
    tenths.push({ perSecond, fileBytes: sizeOf(path) });
  }
  await checkSlots(store);
  await store.close();
  return { overwrites, slots: OVERWRITTEN, windowMs: WINDOW_MS, tenths, remembered: countEvents(path) };
}

async function overwrite(store: StateStore, count: number, seed: number): Promise<void> {
  const draw = randomIntegers(seed);
  const payloads = randomPayloads(64, BYTES, 1);
  let left = count;
  const caller = async (): Promise<void> => {
    while (left-- > 0) {
      const slot = slotAt(draw(OVERWRITTEN));
      const bytes = payloads[left & 63] as Buffer;
      await store.save({ eventId: newEventId(), identity: identityOf(slot), kind: slot.kind, bytes });
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
}

/** With its log. */
function sizeOf(path: string): number {
  return statSync(path).size + (statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0);
}

async function checkSlots(store: StateStore): Promise<void> {
  for (let index = 0; index < OVERWRITTEN; index++) {
    const slot = slotAt(index);
    const { bytes } = await store.load(identityOf(slot), slot.kind);
    if (bytes.byteLength !== BYTES) throw new Error(`slot ${index} does not hold what was saved`);
  }
}

function countEvents(path: string): number {
  const database = new Database(path, { readonly: true });
  try {
    return database.prepare("SELECT count(*) FROM seen").pluck().get() as number;
  } finally {
    database.close();
  }
}
