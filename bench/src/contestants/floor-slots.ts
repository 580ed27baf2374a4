import { type Identity, newEventId, type StateStore } from "../../../dist/src/index.js";
import type { SlotStore } from "../slot-race.js";
import { allSlots, identityOf } from "../slots.js";

/** The floor as a user calls it. */
export function floorSlots(store: StateStore, settings: string): SlotStore {
  const slots = allSlots();
  const places = slots.map((slot) => ({ identity: identityOf(slot), kind: slot.kind }));
  const place = (slot: number) => places[slot] as { identity: Identity; kind: string };
  const load = (slot: number) => store.load(place(slot).identity, place(slot).kind);
  return {
    overlaps: true,
    settings,
    save: (slot, bytes) => store.save({ eventId: newEventId(), ...place(slot), bytes }),
    load,
    read: async (slot) => (await load(slot)).bytes,
    close: () => store.close(),
  };
}
