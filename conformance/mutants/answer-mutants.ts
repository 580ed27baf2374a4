import { isStateError, StateError, type StateRecord, type StateStore } from "../../src/index.js";
import { brokenStore, type Mutant } from "./mutant.js";

/** Stores that do what they should and say something else of it. */
export const answerMutants: readonly Mutant[] = [
  answering("names-the-kind-in-receipts", "save/comes-back", "save", (receipt, { kind }) =>
    receipt.duplicate ? receipt : { ...receipt, eventId: kind },
  ),
  brokenStore("gives-back-an-empty-run", "identity/no-run", (store) => {
    const runs = new Set<string>();
    return {
      async save(record, options) {
        const isEmpty = record?.identity?.run === "";
        const receipt = await store.save(record, options);
        if (isEmpty) runs.add(receipt.eventId);
        return receipt;
      },
      async load(identity, kind, options) {
        const record = await store.load(identity, kind, options);
        return runs.has(record.eventId) ? { ...record, identity: { run: "", ...record.identity } } : record;
      },
    };
  }),
  answering("hands-out-copies-of-identities", "identity/reserved-handed-out", "load", (record) => ({
    ...record,
    identity: { ...record.identity },
  })),
  answering("lists-without-versions", "list/whole-records", "list", (records) =>
    records.map((record) => ({ ...record, version: 0 })),
  ),
  answering("turns-receipts-around", "commit/receipts", "commit", (receipt) => ({
    ...receipt,
    receipts: receipt.receipts.toReversed(),
  })),
  answering("turns-deletes-around", "commit/deleted", "commit", ({ deleted, ...receipt }) =>
    deleted ? { ...receipt, deleted: deleted.toReversed() } : receipt,
  ),
  answering("says-of-replays-that-nothing-was-there", "commit/deleted", "commit", (receipt, changes) =>
    receipt.duplicate
      ? { ...receipt, deleted: changes.filter(({ op }) => op === "delete").map(() => false) }
      : receipt,
  ),
  answering("finds-events-of-one-run", "events/current", "loadByEventId", (record, { run }) => {
    if (record.identity.run === run) return record;
    throw new StateError("NOT_FOUND", "nothing is stored under this event id", { details: {} });
  }),
  answering("stops-scans-at-a-thousand", "list-kind/limit", "listKind", (records) => records.slice(0, 1000)),
  answering("drops-the-last-of-a-page", "list-kind/scan-pages", "listKind", (records, _, __, options) =>
    options?.limit === 2 ? records.slice(0, 1) : records,
  ),
  brokenStore("loads-undefined", "save/nothing-there", (store) => ({
    load: (identity, kind, options) => store.find(identity, kind, options) as Promise<StateRecord>,
  })),
  brokenStore("hands-out-one-date", "save/updated-at-copied", (store) => {
    const dates = new Map<string, Date>();
    return {
      async load(identity, kind, options) {
        const record = await store.load(identity, kind, options);
        const updatedAt = dates.get(record.eventId) ?? record.updatedAt;
        dates.set(record.eventId, updatedAt);
        return { ...record, updatedAt };
      },
    };
  }),
  brokenStore("hands-out-its-own-bytes", "bytes/copied-out", (store) => {
    const held = new Map<string, StateRecord>();
    return {
      async load(identity, kind, options) {
        const record = await store.load(identity, kind, options);
        const { bytes } = held.get(record.eventId) ?? record;
        held.set(record.eventId, record);
        return { ...record, bytes };
      },
    };
  }),
  brokenStore("sees-duplicates-before-it-writes", "idempotency/racing-retries", (store) => {
    const underWay = new Set<string>();
    return {
      async save(record, options) {
        const eventId = record?.eventId;
        const isUnderWay = underWay.has(eventId);
        underWay.add(eventId);
        const receipt = await store.save(record, options).finally(() => underWay.delete(eventId));
        return isUnderWay ? { ...receipt, duplicate: false } : receipt;
      },
    };
  }),
  refusing("forgives-repeated-deletes", "delete/conditional-retry", "delete", (error) => {
    if (isStateError(error, "CONDITION_FAILED") && error.details.current === null) return false;
    throw error;
  }),
  refusing("swallows-failed-pages", "list-kind/scan-ends-loudly", "listKind", () => []),
  refusing("names-what-it-did-not-find", "errors/no-values", "load", (error, _, kind) => {
    if (!isStateError(error, "NOT_FOUND")) throw error;
    throw new StateError("NOT_FOUND", `nothing is stored as ${kind}`, { details: {} });
  }),
  refusing("throws-plain-errors", "errors/one-class", "load", (error) => {
    if (!isStateError(error, "NOT_FOUND")) throw error;
    throw new StateError("NOT_FOUND", error.message, { details: {}, retryable: true });
  }),
  refusing("does-not-say-which-change", "errors/invalid-names-change", "commit", (error) => {
    if (!isStateError(error, "IDENTITY_REQUIRED")) throw error;
    const { field } = error.details;
    throw new StateError("IDENTITY_REQUIRED", error.message, { details: { field } });
  }),
  refusing("counts-changes-from-one", "errors/invalid-names-change", "commit", (error) => {
    if (!isStateError(error, "INVALID_RECORD")) throw error;
    const { change = 0, ...details } = error.details;
    throw new StateError("INVALID_RECORD", error.message, { details: { ...details, change: change + 1 } });
  }),
  refusing("blames-the-record", "errors/invalid-names-field", "save", () => {
    throw new StateError("INVALID_RECORD", "a bad record", { details: { field: "record", rule: "good" } });
  }),
];

type Operation = Exclude<keyof StateStore, "limits" | "status" | "close" | symbol>;
type Answer<O extends Operation> = Awaited<ReturnType<StateStore[O]>>;

/** Answers one operation in another way. */
function answering<O extends Operation>(
  id: string,
  breaks: string,
  operation: O,
  said: (answer: Answer<O>, ...given: Parameters<StateStore[O]>) => Answer<O>,
): Mutant {
  return altering(id, breaks, operation, (call, given) => call().then((answer) => said(answer, ...given)));
}

/** Answers in another way where one operation was refused. */
function refusing<O extends Operation>(
  id: string,
  breaks: string,
  operation: O,
  said: (error: unknown, ...given: Parameters<StateStore[O]>) => Answer<O>,
): Mutant {
  return altering(id, breaks, operation, (call, given) => call().catch((error) => said(error, ...given)));
}

function altering<O extends Operation>(
  id: string,
  breaks: string,
  operation: O,
  answer: (call: () => Promise<Answer<O>>, given: Parameters<StateStore[O]>) => Promise<Answer<O>>,
): Mutant {
  return brokenStore(id, breaks, (store) => {
    const call = store[operation].bind(store) as (...given: Parameters<StateStore[O]>) => Promise<Answer<O>>;
    return { [operation]: (...given: Parameters<StateStore[O]>) => answer(() => call(...given), given) };
  });
}
