import { createExpiring } from "../../../dist/src/expiring/index.js";
import { maintenanceScope, newEventId, type StateStore, userIdentity } from "../../../dist/src/index.js";
import { openFresh, type Place } from "../fresh-store.js";
import { times } from "../kept/kept-work.js";
import type { CleanupResult } from "../results.js";
import { median, medianRatio } from "../statistics.js";

export interface CleanupInput extends Place {
  readonly values: number;
  readonly rounds: number;
}

const TENANT = "acme";
const USERS = 64;
const TTL_MS = 60_000;
/** As many as `cleanup` removes in a call, and as many deletes as a commit. */
const AT_ONCE = 1_000;
const TEXT = "a".repeat(200);

/** Removes values past their time, beside commits that delete as many bare records, in turn. */
export async function run({ values, rounds, ...place }: CleanupInput): Promise<CleanupResult> {
  const store = await openFresh(place);
  const removed: number[] = [];
  const deleted: number[] = [];
  // The first is one to warm up.
  for (let round = 0; round <= rounds; round++) {
    const cleanedUp = await cleanUp(store, values);
    const bare = await deleteBare(store, values);
    if (round === 0) continue;
    removed.push((values / cleanedUp) * 1_000);
    deleted.push((values / bare) * 1_000);
  }
  await store.close();
  return {
    driver: place.driver,
    values,
    removedPerSecond: median(removed),
    deletedPerSecond: median(deleted),
    ratio: medianRatio(removed, deleted),
  };
}

/** In milliseconds. */
async function cleanUp(store: StateStore, values: number): Promise<number> {
  let now = Date.now();
  const expiring = createExpiring(store, { clock: () => now });
  let set = 0;
  await times(values, () => {
    const number = set++;
    return expiring.set(ownerOf(number), "bench", `value-${number}`, TEXT, { ttlMs: TTL_MS });
  });
  now += 2 * TTL_MS;
  const scope = maintenanceScope({ reason: "bench", tenant: TENANT });
  const started = performance.now();
  let total = 0;
  let after: string | undefined;
  do {
    const { removed, next } = await expiring.cleanup(scope, { limit: AT_ONCE, after });
    total += removed;
    after = next;
  } while (after !== undefined);
  const took = performance.now() - started;
  if (total !== values) throw new Error(`${total} values were removed of ${values}`);
  return took;
}

async function deleteBare(store: StateStore, values: number): Promise<number> {
  const slots = Array.from({ length: values }, (_, number) => {
    const { tenant, user } = ownerOf(number);
    return { identity: userIdentity(tenant, user), kind: `bare/${number}` };
  });
  const bytes = Buffer.alloc(256, "a");
  let saved = 0;
  await times(values, () =>
    store.save({ eventId: newEventId(), ...(slots[saved++] as (typeof slots)[number]), bytes }),
  );
  const started = performance.now();
  for (let at = 0; at < values; at += AT_ONCE)
    await store.commit(slots.slice(at, at + AT_ONCE).map((slot) => ({ op: "delete", ...slot })));
  return performance.now() - started;
}

function ownerOf(number: number) {
  return { tenant: TENANT, user: `user-${number % USERS}` };
}
