import {
  type Change,
  type Identity,
  LIMITS,
  type NewRecord,
  newEventId,
  StateError,
  type StateStore,
} from "../../src/index.js";
import { brokenStore, type Mutant } from "./mutant.js";

const NOBODY: Identity = { tenant: "nobody", user: "nobody", session: "nobody" };
const KIB = 1024;

/** Stores that make good in one operation what they should refuse, and some that refuse what they should take. */
export const lenientMutants: readonly Mutant[] = [
  brokenStore("drops-unknown-options", "misuse/unknown-options", (store) => ({
    find: (identity, kind, { signal } = {}) => store.find(identity, kind, { signal }),
  })),
  lenient("fills-in-a-session", "misuse/identity-required", "list", (identity, ...rest) => [
    identity.session ? identity : { ...identity, session: "main" },
    ...rest,
  ]),
  lenient("takes-no-identity-for-nobody", "misuse/no-identity", "find", (identity, ...rest) => [
    identity ?? NOBODY,
    ...rest,
  ]),
  lenient("drops-unknown-names-of-identities", "identity/unknown-names", "find", (identity, ...rest) => [
    onlyKnown(identity),
    ...rest,
  ]),
  lenient("turns-names-into-strings", "misuse/names-are-strings", "find", (identity, ...rest) => [
    typeof identity.user === "string" ? identity : { ...identity, user: String(identity.user) },
    ...rest,
  ]),
  lenient("fills-in-a-kind", "misuse/kind-required", "delete", (identity, kind, ...rest) => [
    identity,
    kind || "kind",
    ...rest,
  ]),
  lenientSave("makes-up-event-ids", "misuse/event-id-required", ({ eventId }) => ({
    eventId: eventId === undefined ? newEventId() : eventId,
  })),
  lenient("takes-nothing-for-no-changes", "misuse/record-required", "commit", (changes, ...rest) => [
    changes !== null ? changes : [{ op: "check", identity: NOBODY, kind: "kind", expect: null }],
    ...rest,
  ]),
  lenientCommit("skips-unknown-changes", "misuse/unknown-op", ({ op }) =>
    ["save", "delete", "check", "erase"].includes(op),
  ),
  lenient("drops-forgotten-conditions", "misuse/forgotten-condition", "save", (record, options) => [
    record,
    defined(options),
  ]),
  lenient("takes-false-for-null", "misuse/condition-type", "save", (record, options = {}) => [
    record,
    "expect" in options
      ? { ...options, expect: (options.expect as unknown) === false ? null : options.expect }
      : options,
  ]),
  lenient("drops-forgotten-bounds", "misuse/forgotten-bound", "list", (identity, prefix, options) => [
    identity,
    prefix,
    defined(options),
  ]),
  strict("refuses-undefined-bounds", "misuse/forgotten-bound", "count", (_, __, options = {}) =>
    Object.values(options).includes(undefined),
  ),
  lenient(
    "drops-bounds-that-are-none",
    "misuse/bounds",
    "list",
    (identity, prefix, { after, ...rest } = {}) => [identity, prefix, after ? { ...rest, after } : rest],
  ),
  lenient("takes-no-prefix-for-every", "misuse/prefix-type", "list", (identity, prefix, ...rest) => [
    identity,
    prefix ?? "",
    ...rest,
  ]),
  lenient("erases-a-run-as-a-session", "misuse/erase-with-a-run", "erase", (identity, ...rest) => {
    const { tenant, user, session } = identity;
    return [{ tenant, user, session }, ...rest];
  }),
  strict(
    "refuses-undefined-signals",
    "misuse/undefined-signal",
    "count",
    (_, __, options = {}) => "signal" in options && options.signal === undefined,
  ),
  strict(
    "counts-names-in-characters",
    "limits/names",
    "save",
    ({ identity }) => identity.tenant.length > 250,
  ),
  lenientSave("cuts-kinds", "limits/kind", ({ kind }) => ({ kind: kind.slice(0, LIMITS.kindBytes) })),
  lenient("cuts-prefixes-of-scans", "limits/kind", "listKind", (scope, prefix, ...rest) => [
    scope,
    prefix.slice(0, LIMITS.kindBytes),
    ...rest,
  ]),
  lenientSave("cuts-event-ids", "limits/event-id", ({ eventId }) => ({
    eventId: eventId.slice(0, LIMITS.eventIdBytes),
  })),
  strict("indexes-a-kibibyte", "limits/all-at-once", "save", ({ identity, kind }) => {
    const { tenant, user, session, run } = identity;
    return Buffer.byteLength([tenant, user, session, run, kind].join("")) > KIB;
  }),
  lenientSave("drops-nul-characters", "limits/text", ({ kind }) => ({
    kind: kind.includes("\0") ? kind.replaceAll("\0", "") || "kind" : kind,
  })),
  lenientSave("takes-any-time", "limits/updated-at", ({ updatedAt }) => ({
    updatedAt: Number.isNaN(Number(updatedAt))
      ? (updatedAt as Date)
      : new Date(Math.min(Math.max(Number(updatedAt), LIMITS.earliest), LIMITS.latest)),
  })),
  lenientSave("cuts-payloads", "limits/payload", ({ bytes }) => ({
    bytes: bytes.subarray(0, LIMITS.payloadBytes),
  })),
  strict("knows-one-size", "limits/max-bytes", "save", ({ bytes }) => bytes.byteLength > LIMITS.payloadBytes),
  splitting("splits-large-commits", "limits/commit-bytes", 16),
  brokenStore("says-the-limits-of-any-store", "limits/said", () => {
    const { payloadBytes: maxBytes, ...shared } = LIMITS;
    return { limits: Object.freeze({ ...shared, maxBytes }) };
  }),
  lenient("clamps-limits", "limits/limit", "list", (identity, prefix, { limit, ...options } = {}) => [
    identity,
    prefix,
    limit === undefined ? options : { ...options, limit: Math.min(limit, LIMITS.limit) },
  ]),
  lenient("clamps-limits-of-counts", "limits/limit", "count", (identity, prefix, options = {}) => [
    identity,
    prefix,
    options.limit && options.limit > LIMITS.limit ? { ...options, limit: LIMITS.limit } : options,
  ]),
  lenient("clamps-limits-of-sessions", "limits/limit", "listSessions", (user, options = {}) => [
    user,
    options.limit && options.limit > LIMITS.limit ? { ...options, limit: LIMITS.limit } : options,
  ]),
  brokenStore("has-a-window-of-an-hour", "limits/defaults", ({ limits }) =>
    limits.idempotencyWindowMs === LIMITS.idempotencyWindowMs
      ? { limits: Object.freeze({ ...limits, idempotencyWindowMs: 3_600_000 }) }
      : {},
  ),
  brokenStore("closes-in-any-time", "close/misuse", (store) => ({
    close: ({ timeoutMs = 0, ...options } = {}) =>
      store.close(timeoutMs > 0 && Number.isSafeInteger(timeoutMs) ? { ...options, timeoutMs } : options),
  })),
  lenient("drops-tildes", "identity/reserved-refused", "find", (identity, ...rest) => [
    identity.session.startsWith("~") && !Object.isFrozen(identity)
      ? { ...identity, session: identity.session.replace(/^~+/, "") || "session" }
      : identity,
    ...rest,
  ]),
  lenientSave("takes-the-whole-buffer", "bytes/views", ({ bytes }) => ({
    bytes: bytes instanceof Uint8Array ? new Uint8Array(bytes.buffer) : bytes,
  })),
  lenientSave("takes-detached-for-empty", "bytes/detached", ({ bytes }) => ({
    bytes: bytes.byteLength === 0 ? new Uint8Array() : bytes,
  })),
  lenientSave("takes-any-view", "bytes/nothing-else", ({ bytes }) => ({
    bytes: ArrayBuffer.isView(bytes)
      ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      : bytes,
  })),
  lenientSave("dates-back", "save/updated-at", ({ updatedAt }) => ({
    updatedAt: updatedAt === undefined ? new Date(0) : updatedAt,
  })),
  splitting("splits-long-commits", "commit/size", LIMITS.changes),
  lenientCommit("drops-changes-of-other-tenants", "commit/one-tenant", (change, [first]) =>
    first === undefined || first.op === "erase" ? true : placeOf(change).tenant === placeOf(first).tenant,
  ),
  lenientCommit(
    "keeps-the-last-of-a-slot",
    "commit/slot-once",
    (change, changes) =>
      change.op === "erase" ||
      changes.findLast((each) => placeOf(each).slot === placeOf(change).slot) === change,
  ),
  lenientCommit(
    "drops-changes-of-erased-sessions",
    "commit/erase-other-changes-refused",
    (change, changes) =>
      change.op === "erase" ||
      !changes.some(
        (each) => each.op === "erase" && !("prefix" in each) && sessionOf(each) === sessionOf(change),
      ),
  ),
  strict(
    "takes-own-state-for-the-session",
    "commit/erase-beside-own-state",
    "commit",
    (changes) =>
      Array.isArray(changes) &&
      changes.some(({ op }) => op === "erase") &&
      changes.some((change) => sessionOf(change).endsWith('"~"]')),
  ),
  lenientCommit(
    "keeps-the-last-of-an-event",
    "commit/event-once",
    (change, changes) =>
      change.op !== "save" ||
      changes.findLast((each) => each.op === "save" && each.record.eventId === change.record.eventId) ===
        change,
  ),
  lenient("folds-prefixes-of-scans", "list-kind/prefix-literal", "listKind", (scope, prefix, ...rest) => [
    scope,
    prefix.toLowerCase(),
    ...rest,
  ]),
];

type Operation = Exclude<keyof StateStore, "limits" | "status" | "close" | symbol>;

/** Calls one operation with other arguments than were given. */
function lenient<O extends Operation>(
  id: string,
  breaks: string,
  operation: O,
  mend: (...given: Parameters<StateStore[O]>) => Parameters<StateStore[O]>,
): Mutant {
  return brokenStore(id, breaks, (store) => {
    const call = store[operation].bind(store) as (...given: Parameters<StateStore[O]>) => Promise<unknown>;
    return { [operation]: async (...given: Parameters<StateStore[O]>) => call(...mended(mend, given)) };
  });
}

/** What cannot be mended is left to the store to refuse. */
function mended<A extends unknown[]>(mend: (...given: A) => A, given: A): A {
  try {
    return mend(...given);
  } catch (error) {
    if (error instanceof StateError) throw error;
    return given;
  }
}

function lenientSave(id: string, breaks: string, mend: (record: NewRecord) => Partial<NewRecord>): Mutant {
  return lenient(id, breaks, "save", (record, ...rest) =>
    typeof record === "object" && record !== null
      ? [{ ...record, ...mend(record) }, ...rest]
      : [record, ...rest],
  );
}

/** Commits some of the changes alone. */
function lenientCommit(
  id: string,
  breaks: string,
  isKept: (change: Change, changes: readonly Change[]) => boolean,
): Mutant {
  return lenient(id, breaks, "commit", (changes, ...rest) => [
    changes.filter((change) => isKept(change, changes)),
    ...rest,
  ]);
}

/** Makes several commits of one that has more changes than this. */
function splitting(id: string, breaks: string, most: number): Mutant {
  return brokenStore(id, breaks, (store) => ({
    async commit(changes, options) {
      if (!Array.isArray(changes)) return store.commit(changes, options);
      const receipt = await store.commit(changes.slice(0, most), options);
      if (changes.length > most) await store.commit(changes.slice(most), options);
      return receipt;
    },
  }));
}

/** Refuses in one operation what it should take. */
function strict<O extends Operation>(
  id: string,
  breaks: string,
  operation: O,
  isRefused: (...given: Parameters<StateStore[O]>) => boolean,
): Mutant {
  return lenient(id, breaks, operation, (...given) => {
    if (!isRefused(...given)) return given;
    throw new StateError("INVALID_RECORD", "too much", { details: { field: "it", rule: "less" } });
  });
}

function defined<T extends object>(options: T | undefined): T {
  return Object.fromEntries(Object.entries(options ?? {}).filter(([, value]) => value !== undefined)) as T;
}

/** What is no object, or was made by the store, stays what it is. */
function onlyKnown(identity: Identity): Identity {
  if (typeof identity !== "object" || identity === null || Object.isFrozen(identity)) return identity;
  const known = Object.entries(identity).filter(([name]) =>
    ["tenant", "user", "session", "run"].includes(name),
  );
  return Object.fromEntries(known) as unknown as Identity;
}

function sessionOf(change: Change): string {
  const { tenant, user, session } = change.op === "save" ? change.record.identity : change.identity;
  return JSON.stringify([tenant, user, session]);
}

function placeOf(change: Change): { readonly tenant: string; readonly slot: string } {
  const { identity, kind }: { identity: Identity; kind: string } =
    change.op === "save" ? change.record : change.op === "erase" ? { ...change, kind: "" } : change;
  const { tenant, user, session, run = "" } = identity;
  return { tenant, slot: JSON.stringify([tenant, user, session, run, kind]) };
}
