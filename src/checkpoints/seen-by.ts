import { StateError } from "../contract/errors.js";
import type { Identity, StateRecord, StateStore } from "../contract/store.js";
import { cellAt } from "../typed/cell.js";
import type { Codec } from "../typed/codec.js";
import type { Transaction } from "../typed/transaction.js";

type Raw = Pick<StateRecord, "bytes" | "version">;

const RAW: Codec<Raw> = {
  version: 0,
  encode: ({ bytes }) => bytes,
  decode: (bytes, version) => ({ bytes, version }),
};

/** The reads of slots of a store, as they are after what the transaction has written. They make no conditions. */
export function storeSeenBy(transaction: Transaction, { limits }: StateStore): StateStore {
  const seen = {
    limits,
    async find(identity: Identity, kind: string) {
      const raw = await transaction.peek(cellAt(identity, kind, RAW));
      return raw && { identity, kind, ...raw, eventId: "", updatedAt: new Date(0) };
    },
    async loadByEventId(identity: Identity, eventId: string) {
      const found = await transaction.findByEventId(identity, eventId);
      if (found === undefined) throw new StateError("NOT_FOUND", "no record has this event", { details: {} });
      return { ...found, eventId, updatedAt: new Date(0) };
    },
  };
  return seen as Pick<StateStore, "limits" | "find" | "loadByEventId"> as StateStore;
}
