import { setImmediate as turn } from "node:timers/promises";
import {
  type CallOptions,
  type Identity,
  isStateError,
  type MaintenanceScope,
  maintenanceScope,
  type NewRecord,
  type SaveOptions,
  type SaveReceipt,
  type ScanOptions,
  StateError,
  type StateRecord,
  userIdentity,
} from "../../src/index.js";
import { brokenStore, type Mutant } from "./mutant.js";

/** Stores that are wrong at the door: about what may be asked, what is copied, and when calls begin and end. */
export const storeMutants: readonly Mutant[] = [
  brokenStore("turns-names-into-strings", "misuse/names-are-strings", (store) => ({
    find: (identity, kind, options) =>
      store.find({ ...identity, user: String(identity.user) }, kind, options),
  })),
  brokenStore("drops-forgotten-conditions", "misuse/forgotten-condition", (store) => ({
    save: (record, options) => store.save(record, options?.expect === undefined ? {} : options),
  })),
  brokenStore("drops-forgotten-bounds", "misuse/forgotten-bound", (store) => ({
    list: (identity, prefix, options) => store.list(identity, prefix, defined(options)),
  })),
  brokenStore("throws-where-it-is-called", "misuse/rejects", (store) => ({
    save(record, options) {
      if (record === undefined) throw new TypeError("a record is required");
      return store.save(record, options);
    },
  })),
  brokenStore("erases-a-run-as-a-session", "misuse/erase-with-a-run", (store) => ({
    erase: ({ tenant, user, session }, options) => store.erase({ tenant, user, session }, options),
  })),
  brokenStore("counts-names-in-characters", "limits/names", (store) => ({
    async save(record, options) {
      if (record.identity.tenant.length > 250) throw tooLong("tenant");
      return store.save(record, options);
    },
  })),
  brokenStore("drops-nul-characters", "limits/text", (store) => ({
    save: (record, options) =>
      store.save({ ...record, kind: record.kind.replaceAll("\0", "") || "kind" }, options),
  })),
  brokenStore("clamps-limits", "limits/limit", (store) => ({
    list: (identity, prefix, { limit, ...options } = {}) =>
      store.list(
        identity,
        prefix,
        limit === undefined ? options : { ...options, limit: Math.min(limit, 10_000) },
      ),
  })),
  brokenStore("gives-every-record-a-run", "identity/no-run", (store) => ({
    async load(identity, kind, options) {
      const record = await store.load(identity, kind, options);
      return { ...record, identity: { run: "", ...record.identity } };
    },
  })),
  brokenStore("reads-identities-twice", "identity/read-once", (store) => ({
    find: (identity, kind, options) =>
      store.find(identity.tenant ? identity : { ...identity }, kind, options),
  })),
  brokenStore("reads-identities-late", "identity/changed-later", (store) => ({
    async save(record, options) {
      const bytes = Uint8Array.from(record.bytes);
      await turn();
      return store.save({ ...record, bytes }, options);
    },
  })),
  brokenStore("believes-copied-identities", "identity/reserved-copies", (store) => ({
    find: (identity, kind, options) => store.find(believed(identity), kind, options),
    save: (record, options) => store.save({ ...record, identity: believed(record.identity) }, options),
  })),
  brokenStore("copies-bytes-late", "bytes/copied-in", (store) => ({
    async save(record, options) {
      const identity = { ...record.identity };
      const { eventId, kind, bytes } = record;
      await turn();
      return store.save({ ...record, eventId, identity, kind, bytes }, options);
    },
  })),
  brokenStore("hands-out-its-own-bytes", "bytes/copied-out", (store) => {
    const held = new Map<string, StateRecord>();
    return {
      async load(identity, kind, options) {
        const record = await store.load(identity, kind, options);
        held.set(record.eventId, held.get(record.eventId) ?? record);
        return held.get(record.eventId) as StateRecord;
      },
    };
  }),
  brokenStore("takes-detached-for-empty", "bytes/detached", (store) => ({
    save: (record, options) =>
      store.save(record.bytes?.byteLength === 0 ? { ...record, bytes: new Uint8Array() } : record, options),
  })),
  brokenStore("takes-any-view", "bytes/nothing-else", (store) => ({
    save(record, options) {
      const { bytes } = record as { bytes: unknown };
      if (!ArrayBuffer.isView(bytes)) return store.save(record, options);
      const view = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      return store.save({ ...record, bytes: view }, options);
    },
  })),
  brokenStore("sees-duplicates-before-it-writes", "idempotency/racing-retries", (store) => ({
    async save(record, options) {
      const known = await store.loadByEventId(record.identity, record.eventId).catch(() => undefined);
      const { eventId } = await store.save(record, options);
      return { eventId, duplicate: known !== undefined };
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
  brokenStore("believes-any-scope", "list-kind/scope-required", (store) => ({
    listKind(scope, prefix, options) {
      const claim = {
        reason: "a claim",
        ...(scope?.tenant ? { tenant: scope.tenant } : { allTenants: true as const }),
      };
      return store.listKind(maintenanceScope(claim as { reason: string; tenant: string }), prefix, options);
    },
  })),
  brokenStore("answers-an-empty-prefix", "list-kind/prefix-required", (store) => ({
    listKind: async (scope, prefix, options) => (prefix === "" ? [] : store.listKind(scope, prefix, options)),
  })),
  brokenStore("pages-by-position", "list-kind/paging", (store) => {
    const positions = new Map<string, number>();
    return {
      async listKind(
        scope: MaintenanceScope,
        prefix: string,
        { after, limit, ...options }: ScanOptions = {},
      ) {
        const all = await store.listKind(scope, prefix, options);
        const start = after === undefined ? 0 : (positions.get(after.kind) ?? 0) + 1;
        for (const [index, { kind }] of all.entries()) if (!positions.has(kind)) positions.set(kind, index);
        return all.slice(start, limit === undefined ? undefined : start + limit);
      },
    };
  }),
  brokenStore("swallows-failed-pages", "list-kind/scan-ends-loudly", (store) => ({
    listKind: (scope, prefix, options) => store.listKind(scope, prefix, options).catch(() => []),
  })),
  brokenStore("names-what-it-did-not-find", "errors/no-values", (store) => ({
    load: (identity, kind, options) =>
      store.load(identity, kind, options).catch(() => {
        throw new StateError("NOT_FOUND", `nothing is stored as ${kind}`, { details: {} });
      }),
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
  brokenStore("throws-plain-errors", "errors/one-class", (store) => ({
    load: (identity, kind, options) =>
      store.load(identity, kind, options).catch((error: unknown) => {
        throw isStateError(error, "NOT_FOUND") ? new Error("not found") : error;
      }),
  })),
  brokenStore("ignores-signals", "abort/before-a-write", (store) => ({
    save: (record, { signal: _, ...options } = {}) => store.save(record, options),
  })),
  brokenStore("gives-up-on-writes-under-way", "abort/outcome-is-true", (store) => ({
    async save(record, { signal, ...options }: SaveOptions = {}) {
      signal?.throwIfAborted();
      const aborted = new Promise<SaveReceipt>((_, reject) => {
        signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
      });
      return Promise.race([store.save(record, options), aborted]);
    },
  })),
  brokenStore("leaves-listeners-behind", "abort/signal-is-let-go", (store) => ({
    find(identity, kind, options: CallOptions = {}) {
      options.signal?.addEventListener("abort", () => {});
      return store.find(identity, kind, options);
    },
  })),
  brokenStore("serves-after-close", "close/refuses-later-calls", () => ({ close: async () => {} })),
  brokenStore("closes-once-only", "close/idempotent", (store) => {
    let closed = false;
    return {
      close(options) {
        if (closed) return Promise.reject(new Error("closed already"));
        closed = true;
        return store.close(options);
      },
    };
  }),
  brokenStore("drops-writes-at-close", "close/writes-finish", (store) => ({
    async save(record, options) {
      await turn();
      return store.save(record, options);
    },
  })),
  brokenStore("accepts-while-closing", "close/refuses-at-once", (store) => ({
    async close(options) {
      await turn();
      await turn();
      return store.close(options);
    },
  })),
  brokenStore("saves-out-of-order", "concurrency/in-the-order-of-calls", (store) => ({
    async save(record, options) {
      if (options?.expect === undefined) await turn();
      return store.save(record, options);
    },
  })),
  brokenStore("checks-then-writes", "concurrency/compare-and-swap", (store) => ({
    async save(record, { expect, ...options }: SaveOptions = {}) {
      if (expect === undefined) return store.save(record, options);
      const current = (await store.find(record.identity, record.kind))?.eventId ?? null;
      if (current === expect) return store.save(record, options);
      return store.save(record, { ...options, expect });
    },
  })),
  brokenStore("checks-for-nothing-then-writes", "concurrency/one-winner", (store) => ({
    async save(record, { expect, ...options }: SaveOptions = {}) {
      if (expect !== null) return store.save(record, expect === undefined ? options : { ...options, expect });
      const empty = (await store.find(record.identity, record.kind)) === undefined;
      return store.save(record, empty ? options : { ...options, expect });
    },
  })),
  brokenStore("fails-whole-batches", "concurrency/neighbours", (store) => {
    let batch: Promise<SaveReceipt>[] = [];
    return {
      async save(record, options) {
        const mine = batch;
        mine.push(store.save(record, options));
        const [outcome] = await Promise.allSettled([mine.at(-1) as Promise<SaveReceipt>]);
        batch = [];
        await Promise.all(mine);
        if (outcome.status === "rejected") throw outcome.reason;
        return outcome.value;
      },
    };
  }),
  brokenStore("lists-in-pieces", "concurrency/erase-beside-commits", (store) => ({
    async list(identity, prefix, options) {
      const seen: StateRecord[] = [];
      for (const { kind } of await store.list(identity, prefix, options)) {
        await turn();
        const record = await store.find(identity, kind);
        if (record) seen.push(record);
      }
      return seen;
    },
  })),
  brokenStore("reads-what-was", "concurrency/own-writes-show", (store) => {
    const seen = new Map<string, StateRecord>();
    return {
      async find(identity, kind, options) {
        const slot = JSON.stringify([identity, kind]);
        const record = await store.find(identity, kind, options);
        const before = seen.get(slot) ?? record;
        if (record) seen.set(slot, record);
        return before;
      },
    };
  }),
];

function defined<T extends object>(options: T | undefined): T {
  return Object.fromEntries(Object.entries(options ?? {}).filter(([, value]) => value !== undefined)) as T;
}

function believed(identity: Identity): Identity {
  return identity?.session === "~" && identity.user !== "~"
    ? userIdentity(identity.tenant, identity.user)
    : identity;
}

function tooLong(field: string): StateError {
  return new StateError("INVALID_RECORD", `${field} is too long`, { details: { field, rule: "short" } });
}
