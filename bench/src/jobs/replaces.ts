import { newEventId, type SessionIdentity, type StateStore } from "../../../dist/src/index.js";
import { createSessions } from "../../../dist/src/sessions/index.js";
import { openFresh, type Place } from "../fresh-store.js";
import type { ReplacesResult } from "../results.js";

export interface ReplacesInput extends Place {
  readonly count: number;
}

/** Replacements and bare saves take turns, a part of either at a time. */
const PARTS = 10;
const WHO: SessionIdentity = { tenant: "acme", user: "ada", session: "streamed" };
const TEXT = "a".repeat(200);

/** Replaces one event again and again, beside as many bare saves over one slot. */
export async function run({ count, ...place }: ReplacesInput): Promise<ReplacesResult> {
  const store = await openFresh(place);
  const replacing = await openReplacing(store);
  const saving = () =>
    store.save({ eventId: newEventId(), identity: WHO, kind: "bare", bytes: Buffer.alloc(256, "a") });
  const part = count / PARTS;
  // To warm up.
  for (const work of [replacing.next, saving]) await inSequence(part, work);
  const [replaced, saved]: [number[], number[]] = [[], []];
  for (let done = 0; done < PARTS; done++) {
    replaced.push(await inSequence(part, replacing.next));
    saved.push(await inSequence(part, saving));
  }
  await replacing.check();
  await store.close();
  return { driver: place.driver, count, replaced, saved };
}

async function openReplacing(store: StateStore) {
  const sessions = createSessions(store);
  await sessions.create(WHO);
  await sessions.append(WHO, { value: { role: "assistant", text: TEXT, piece: 0 } });
  let piece = 0;
  return {
    next: () =>
      sessions.replace(WHO, { number: 1, value: { role: "assistant", text: TEXT, piece: ++piece } }),
    async check(): Promise<void> {
      const [event] = await sessions.read(WHO);
      const found = (event?.value as { piece?: number } | undefined)?.piece;
      if (found !== piece) throw new Error(`the event is replacement ${found} instead of ${piece}`);
    },
  };
}

/** One call after another; how long all of them took, in seconds. */
async function inSequence(count: number, work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  for (let done = 0; done < count; done++) await work();
  return (performance.now() - started) / 1_000;
}
