import { bySession, describeKey } from "../../conformance/harness/keep-apart.js";
import { HOSTILE_NAMES } from "../../conformance/inputs/hostile-names.js";
import { keysDifferingIn } from "../../conformance/inputs/hostile-record-keys.js";
import { type NewRecord, newEventId, type RecordKey, type StateStore } from "../../src/index.js";

/** One for each hostile name of a tenant, a user and a session, which is what an erase goes by. */
export const PLACES: readonly RecordKey[] = (["tenant", "user", "session"] as const).flatMap((field) =>
  keysDifferingIn(field, HOSTILE_NAMES),
);

/**
 * Has each place overwritten, then each emptied, then each one's session erased, one after the other, from one end and from
 * the other: so each does it once before and once after each other. What was not there any more when its turn came.
 */
export async function takenFromOthers(store: StateStore, places: readonly RecordKey[]): Promise<string[]> {
  const taken: string[] = [];
  for (const order of [places, places.toReversed()]) {
    taken.push(...(await overwriteEach(store, order)));
    taken.push(...(await deleteEach(store, order)));
    taken.push(...(await eraseEach(store, order)));
  }
  return taken;
}

async function overwriteEach(store: StateStore, places: readonly RecordKey[]): Promise<string[]> {
  const before = await fill(store, places);
  const after = newRecords(places);
  // In the order of the calls, as far as the store keeps it.
  const refused = await Promise.allSettled(
    after.map((record, index) => store.save(record, { expect: before[index]?.eventId as string })),
  );
  const found = await Promise.all(after.map(({ identity, kind }) => store.find(identity, kind)));
  return after
    .filter(
      (record, index) => refused[index]?.status === "rejected" || found[index]?.eventId !== record.eventId,
    )
    .map((record) => `overwritten, ${describeKey(record)}`);
}

async function deleteEach(store: StateStore, places: readonly RecordKey[]): Promise<string[]> {
  const taken: string[] = [];
  for (const place of places) {
    if (!(await store.delete(place.identity, place.kind))) taken.push(`deleted, ${describeKey(place)}`);
  }
  return taken;
}

async function eraseEach(store: StateStore, places: readonly RecordKey[]): Promise<string[]> {
  const taken: string[] = [];
  for (const own of bySession(await fill(store, places))) {
    const { run: _, ...session } = own[0].identity;
    if ((await store.erase(session, { ownState: true })) !== own.length)
      taken.push(`erased, ${describeKey(own[0])}`);
  }
  return taken;
}

async function fill(store: StateStore, places: readonly RecordKey[]): Promise<NewRecord[]> {
  const records = newRecords(places);
  await Promise.all(records.map((record) => store.save(record)));
  return records;
}

/** The payload is the event id's, so that each is unlike all others. */
function newRecords(places: readonly RecordKey[]): NewRecord[] {
  return places.map((place) => {
    const eventId = newEventId();
    return { ...place, eventId, bytes: new TextEncoder().encode(eventId) };
  });
}
