import { isStateError } from "../../src/contract/errors.js";
import type { RecordKey, StateRecord, StateStore } from "../../src/contract/store.js";
import type { Choices } from "./choices.js";
import { keyOf, type State } from "./image.js";

let made = 0;

/**
 * Writes here and there into what may be damaged. The latest state with what was acknowledged in it; a write may be
 * refused, by a StateError that says so.
 */
export async function writeSome(store: StateStore, latest: State, choices: Choices): Promise<State> {
  const state = new Map(latest);
  for (let left = 4; left > 0; left--) {
    const { identity, kind } = choices.one([...latest.values()]);
    const place = { identity, kind: choices.one([kind, `${kind}!`]) };
    const isSave = choices.below(3) > 0;
    try {
      if (isSave) state.set(keyOf(place), await save(store, place));
      else if (await store.delete(identity, place.kind)) state.delete(keyOf(place));
    } catch (error) {
      // A damaged head of a file can make SQLite fail as late as in the COMMIT, or take the file for one to be read only.
      if (isStateError(error, "OUTCOME_UNKNOWN")) await adopt(store, place, state);
      const isReadOnly = isStateError(error, "UNAVAILABLE") && error.details.reason === "setup";
      if (!isStateError(error, "CORRUPT") && !isStateError(error, "OUTCOME_UNKNOWN") && !isReadOnly)
        throw error;
    }
  }
  return state;
}

/** What is there by now, as far as it can be read. */
async function adopt(store: StateStore, place: RecordKey, state: Map<string, StateRecord>): Promise<void> {
  try {
    const found = await store.find(place.identity, place.kind);
    if (found === undefined) state.delete(keyOf(place));
    else state.set(keyOf(place), found);
  } catch (error) {
    if (!isStateError(error, "CORRUPT")) throw error;
  }
}

async function save(store: StateStore, place: RecordKey): Promise<StateRecord> {
  const number = ++made;
  const bytes = new Uint8Array(Buffer.alloc(200 * (number % 30), `over damage, ${number} `));
  const record = { eventId: `new-${number}`, ...place, bytes, version: number, updatedAt: new Date(number) };
  await store.save(record);
  return record;
}
