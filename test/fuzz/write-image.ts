import type { StateRecord, StateStore } from "../../src/contract.js";
import { isStateError } from "../../src/errors.js";
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
      // A damaged head of a file makes SQLite take it for one that may only be read.
      const isReadOnly = isStateError(error, "UNAVAILABLE") && error.details.reason === "setup";
      if (!isStateError(error, "CORRUPT") && !isReadOnly) throw error;
    }
  }
  return state;
}

async function save(store: StateStore, place: Pick<StateRecord, "identity" | "kind">): Promise<StateRecord> {
  const number = ++made;
  const bytes = new Uint8Array(Buffer.alloc(200 * (number % 30), `over damage, ${number} `));
  const record = { eventId: `new-${number}`, ...place, bytes, version: number, updatedAt: new Date(number) };
  await store.save(record);
  return record;
}
