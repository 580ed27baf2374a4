import { setImmediate as turn } from "node:timers/promises";
import {
  type Identity,
  isStateError,
  maintenanceScope,
  type NewRecord,
  newEventId,
  type ScanOptions,
  type SessionIdentity,
  StateError,
  type StateStore,
  userIdentity,
} from "../../src/index.js";
import { brokenStore, type Mutant } from "./mutant.js";

/** Stores that are wrong about what they copy, whom they believe, and what they remember of earlier calls. */
export const storeMutants: readonly Mutant[] = [
  brokenStore("throws-where-it-is-called", "misuse/rejects", (store) => ({
    listSessions(user, options) {
      if (user === undefined) throw new TypeError("a user is required");
      return store.listSessions(user, options);
    },
  })),
  brokenStore("reads-identities-twice", "identity/read-once", (store) => ({
    async find(identity, kind, options) {
      if (identity === null || typeof identity !== "object" || Object.isFrozen(identity))
        return store.find(identity, kind, options);
      await store.find({ ...identity }, kind, options);
      return store.find(believed({ ...identity }), kind, options);
    },
  })),
  brokenStore("reads-identities-late", "identity/changed-later", (store) => ({
    async save(record, options) {
      const { eventId, kind } = record ?? {};
      const receipt = await store.save(record, options);
      // Looked at again, and written to whose it is by now.
      if (record.eventId !== eventId) await store.save({ ...record, kind }, options);
      return receipt;
    },
  })),
  brokenStore("believes-copied-identities", "identity/reserved-copies", (store) => ({
    find: (identity, kind, options) => store.find(believed(identity), kind, options),
    save: (record, options) => store.save({ ...record, identity: believed(record.identity) }, options),
  })),
  brokenStore("copies-bytes-late", "bytes/copied-in", (store) => ({
    async save(record, options) {
      const before = record?.bytes?.byteLength > 0 ? Uint8Array.from(record.bytes) : undefined;
      const given = before && { ...record, identity: record.identity };
      const receipt = await store.save(record, options);
      // Looked at again, and written as they are by now.
      if (given && before && !sameBytes(given.bytes, before))
        await store.save({ ...given, eventId: newEventId() });
      return receipt;
    },
  })),
  brokenStore("finds-events-of-anyone", "events/tells-others-nothing", (store) => {
    const places = new Map<string, NewRecord>();
    return {
      save(record, options) {
        places.set(record.eventId, record);
        return store.save(record, options);
      },
      loadByEventId(identity, eventId, options) {
        return store.loadByEventId(places.get(eventId)?.identity ?? identity, eventId, options);
      },
    };
  }),
  brokenStore("erases-own-state-unasked", "erase/own-state-asked-for", (store) => ({
    erase: (identity, options) => store.erase(identity, { ...options, ownState: true }),
  })),
  brokenStore("believes-any-scope", "list-kind/scope-required", (store) => ({
    listKind(scope, prefix, options) {
      const isClaim = typeof scope?.tenant === "string" && !Object.isFrozen(scope);
      const believed = isClaim
        ? maintenanceScope({ reason: "a claim", tenant: scope.tenant as string })
        : scope;
      return store.listKind(believed, prefix, options as ScanOptions);
    },
  })),
  brokenStore("answers-an-empty-prefix", "list-kind/prefix-required", (store) => ({
    listKind: async (scope, prefix, options) =>
      prefix === "" ? [] : store.listKind(scope, prefix, options as ScanOptions),
  })),
  brokenStore("pages-by-position", "list-kind/paging", (store) => {
    const positions = new Map<string, number>();
    return {
      async listKind(scope, prefix, given = {}) {
        const { after, limit, ...options } = given as ScanOptions;
        const all = await store.listKind(scope, prefix, options);
        const start = after === undefined ? 0 : (positions.get(after.kind) ?? 0) + 1;
        for (const [index, { kind }] of all.entries()) if (!positions.has(kind)) positions.set(kind, index);
        return all.slice(start, limit === undefined ? undefined : start + limit);
      },
    };
  }),
  brokenStore("lists-sessions-by-position", "list-sessions/beside-writes", (store) => ({
    async listSessions(user, options) {
      const found: SessionIdentity[] = [];
      for (const size = 8; ; await turn()) {
        const all = await store.listSessions(user, options);
        found.push(...all.slice(found.length, found.length + size));
        if (found.length >= all.length) return found;
      }
    },
  })),
  brokenStore("deletes-whatever-is-there-now", "list-kind/sweep", (store) => ({
    delete: (identity, kind, { expect: _, ...options } = {}) => store.delete(identity, kind, options),
  })),
  brokenStore("says-whose-event-it-is", "errors/nothing-of-others", (store) => {
    const places = new Map<string, NewRecord>();
    return {
      async save(record, options) {
        try {
          const receipt = await store.save(record, options);
          places.set(record.eventId, record);
          return receipt;
        } catch (error) {
          if (!isStateError(error, "IDEMPOTENCY_CONFLICT")) throw error;
          const { message, details } = error;
          throw new StateError("IDEMPOTENCY_CONFLICT", message, {
            details,
            cause: places.get(record.eventId),
          });
        }
      },
    };
  }),
  brokenStore("takes-the-same-content-for-a-retry", "save/same-content", (store) => ({
    async save(record, options) {
      const current = await store.find(record.identity, record.kind);
      if (current === undefined || !sameBytes(current.bytes, record.bytes))
        return store.save(record, options);
      return { eventId: record.eventId, duplicate: true };
    },
  })),
  brokenStore("compares-content-for-conditions", "conditions/same-content-again", (store) => {
    const contents = new Map<string, Uint8Array>();
    return {
      async save(record, options) {
        const slot = JSON.stringify([record?.identity, record?.kind]);
        const expected = contents.get(options?.expect ?? "");
        const current = contents.get(slot);
        const isMet = current && expected && sameBytes(current, expected);
        const bytes = record?.bytes?.byteLength > 0 ? Uint8Array.from(record.bytes) : new Uint8Array();
        const receipt = await store.save(record, isMet ? {} : options);
        if (!receipt.duplicate) contents.set(slot, bytes).set(record.eventId, bytes);
        return receipt;
      },
    };
  }),
  brokenStore("tells-events-apart-by-their-end", "conditions/chain", (store) => {
    const replaced = new Set<string>();
    return {
      async save(record, options) {
        const end = options?.expect?.at(-1) ?? "";
        if (end !== "" && replaced.size > 16 && replaced.has(end)) {
          const { identity, kind } = record;
          const details = { change: 0, identity, kind, current: null };
          throw new StateError("CONDITION_FAILED", "another event is current", { details });
        }
        replaced.add(end);
        return store.save(record, options);
      },
    };
  }),
  brokenStore("saves-rivals-under-new-ids", "idempotency/racing-contents", (store) => {
    const underWay = new Set<string>();
    const save: StateStore["save"] = (record, options) => {
      const eventId = record?.eventId;
      const isRival = underWay.has(eventId);
      underWay.add(eventId);
      const saving = store.save(record, options).finally(() => underWay.delete(eventId));
      return saving.catch((error: unknown) => {
        if (!isStateError(error, "IDEMPOTENCY_CONFLICT") || !isRival) throw error;
        return store.save({ ...record, eventId: newEventId() }, options);
      });
    };
    return { save };
  }),
];

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

function believed(identity: Identity): Identity {
  return identity?.session === "~" && identity.user !== "~"
    ? userIdentity(identity.tenant, identity.user)
    : identity;
}
