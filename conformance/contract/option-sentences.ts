import { COST, kept, NAMES, type Sentences } from "./sentences.js";

const BOUNDS = ["list/after-before", "list/from", "list/bounds-and-prefix"];

/** The options of the operations, and what a store says of itself. */
export const optionSentences: Sentences = {
  CallOptions: { "The options of every call.": NAMES },
  "CallOptions.signal": {
    "If it aborts before a write has reached the driver, the call rejects with the signal's reason, and nothing is written.":
      ["abort/before-a-write", "abort/outcome-is-true"],
    "After that the write is carried through, and its real outcome reported.": [
      "abort/outcome-is-true",
      "abort/too-late",
    ],
    "A read rejects at once.": ["abort/next-call", "abort/reads"],
    "A signal may serve any number of calls: none leaves a listener on it.": ["abort/signal-is-let-go"],
  },
  SaveOptions: { "The options of `save`.": NAMES },
  "SaveOptions.expect": {
    "Absent: unconditional.": ["save/replaces"],
    "Present and `undefined`: INVALID_RECORD.": ["misuse/forgotten-condition"],
  },
  DeleteOptions: { "The options of `delete`.": NAMES },
  "DeleteOptions.expect": {
    "Absent: unconditional.": ["delete/says-whether"],
    "Present and `undefined`: INVALID_RECORD.": ["misuse/forgotten-condition"],
  },
  EraseOptions: { "The options of `erase`.": NAMES },
  "EraseOptions.prefix": {
    "Only the records of exactly the given identity, its run included, whose kind begins with this: literally, by UTF-8 bytes.":
      ["erase-prefix/exact-identity", "erase-prefix/literal"],
    'At most 512 bytes; `""` means every kind of that identity.': [
      "erase-prefix/empty",
      "erase-prefix/forgotten",
    ],
    "Absent: every run and kind of the session.": ["erase/whole-session"],
    "Present and `undefined`: INVALID_RECORD.": ["erase-prefix/forgotten"],
  },
  "EraseOptions.ownState": {
    "Must be `true` to erase the state under `userIdentity` or `tenantIdentity`: the typed wrappers keep accounts and lists there that other sessions depend on.":
      ["erase/own-state-asked-for", "erase-prefix/own-state-asked-for"],
    "Default false.": ["erase/own-state-asked-for", "erase-prefix/own-state-asked-for"],
  },
  CountOptions: {
    "Which records of an identity `count` counts.": ["count/as-many-as-list"],
    "The bounds need not exist, and all of them hold.": ["count/as-many-as-list", ...BOUNDS],
  },
  "CountOptions.from": { "Only this kind and those after it.": ["list/from", "count/as-many-as-list"] },
  "CountOptions.after": {
    "Only kinds after this one.": ["list/after-before", "order/bounds", "misuse/bounds"],
  },
  "CountOptions.before": {
    "Only kinds before this one.": ["list/after-before", "order/bounds", "misuse/bounds"],
  },
  "CountOptions.limit": {
    "1 to 10,000.": ["limits/limit", "list/limit"],
    "Absent: every match.": ["count/every-match", "list/every-match", "list/every-byte"],
  },
  ListOptions: {
    "Which records of an identity `list` returns.": NAMES,
    "The bounds need not exist, and all of them hold.": BOUNDS,
  },
  "ListOptions.reverse": { "Descending kind order; `limit` then counts from the end.": ["list/reverse"] },
  "ListOptions.bytes": {
    "`false`: without payloads, as `WithoutBytes` says.": ["list-headers/without-payloads"],
    "Default true.": ["list-headers/without-payloads"],
  },
  ScanOptions: { "Which records `listKind` returns.": NAMES },
  "ScanOptions.after": {
    "Only records after this one: the last record seen, or its identity and kind as plain data.": [
      "list-kind/after",
      "list-kind/after-is-no-door",
      "list-kind/after-into-the-next-tenant",
      "list-kind/paging",
    ],
    "It need not exist any more.": ["list-kind/after-deleted", "list-kind/paging"],
  },
  "ScanOptions.limit": {
    "1 to 10,000.": ["limits/limit", "list-kind/limit"],
    "Absent: every match.": ["list-kind/limit", "list-kind/every-byte", "list-kind/few-among-many-tenants"],
  },
  "ScanOptions.bytes": {
    "`false`: without payloads, as `WithoutBytes` says.": [
      "list-headers/same-records",
      "list-headers/large-payloads",
    ],
    "Default true.": ["list-headers/without-payloads"],
  },
  SessionsOptions: { "Which sessions of a user `listSessions` returns.": NAMES },
  "SessionsOptions.prefix": {
    "Only sessions whose name begins with this, literally: at most 255 UTF-8 bytes.": [
      "list-sessions/prefix-literal",
      "list-sessions/misuse",
    ],
    "Absent or empty: all.": ["list-sessions/prefix-literal", "list-sessions/those-with-records"],
  },
  "SessionsOptions.after": {
    "Only sessions after this one: the name of the last session seen.": [
      "list-sessions/after",
      "list-sessions/order",
    ],
    "It need not exist any more.": ["list-sessions/after"],
  },
  "SessionsOptions.limit": {
    "1 to 10,000.": ["limits/limit", "list-sessions/misuse"],
    "Absent: every session.": ["list-sessions/a-thousand", "list-sessions/order"],
  },
  WatchOptions: { "The options of `watch`.": ["watch/misuse"] },
  "WatchOptions.signal": { "Ends the watch when it aborts.": ["watch/ends"] },
  "WatchOptions.pollMs": {
    "How soon a change made by another store or process shows, in milliseconds: 1 to 3,600,000.": [
      "watch/other-stores",
      "watch/other-processes",
      "watch/misuse",
    ],
    "Default 100.": COST,
    "All watches of a store share one question to the driver; it is asked as often as the smallest `pollMs` says.":
      kept("watch/watch", "the change of another store shows within the smallest pollMs wanted"),
  },
  "WatchOptions.ref": {
    "`false`: while `next` waits for a change, the watch does not keep the process alive.": kept(
      "watch/leaks",
      "an open watch that nobody waits for, and one with ref: false, let the process end",
    ),
    "Default true.": kept("watch/leaks", "a process that waits for a change stays alive until it comes"),
  },
  WatchedSlot: { "What a watched slot holds.": NAMES },
  "WatchedSlot.place": { "The index of the slot in the list that is watched.": ["watch/as-they-are"] },
  "WatchedSlot.record": {
    "The current record, the caller's own copy; `undefined` if the slot is empty.": [
      "watch/as-they-are",
      "watch/copied-out",
    ],
  },
  Watch: {
    "A watch.": NAMES,
    "Use it with `for await`; `return` ends it, and so does leaving the loop.": [
      "watch/iterates",
      "watch/ends",
    ],
  },
  "Watch.next": {
    "Resolves when a slot has something new.": ["watch/own-changes", "watch/other-stores"],
    "The first call starts the watch.": ["watch/starts-with-next"],
  },
  "Watch.return": {
    "Ends the watch, also while `next` is waiting, which then resolves with `done`.": ["watch/ends"],
  },
  "Watch.[Symbol.asyncIterator]": { "The watch itself.": ["watch/iterates"] },
  CloseOptions: { "How long `close` may wait.": ["close/in-time", "close/misuse"] },
  "CloseOptions.signal": {
    "Ends the wait for accepted writes at once, as if `timeoutMs` had passed.": ["close/in-time"],
  },
  "CloseOptions.timeoutMs": {
    "How long accepted writes may take to finish, in milliseconds.": ["close/in-time", "close/misuse"],
    "Default 10,000.": ["close/writes-finish"],
    "After that the driver has 10 seconds more to release its resources.": kept(
      "store/driver-store-close",
      "in its own close, rejects after ten seconds",
    ),
  },
  StoreLimits: {
    "What a store accepts.": ["limits/said"],
    "Each is the most that is accepted, and more is INVALID_RECORD.": ["limits/said"],
    "Only `maxBytes` and `idempotencyWindowMs` differ between the stores of this package: `openStore` takes them as options.":
      ["limits/said", "limits/defaults"],
  },
  "StoreLimits.nameBytes": {
    "Tenant, user, session and run, each, in UTF-8 bytes.": ["limits/said", "limits/names"],
  },
  "StoreLimits.kindBytes": { "Kind and kind prefix, in UTF-8 bytes.": ["limits/said", "limits/kind"] },
  "StoreLimits.eventIdBytes": { "An event id, in UTF-8 bytes.": ["limits/said", "limits/event-id"] },
  "StoreLimits.maxBytes": {
    "The payload of a record, in bytes.": ["limits/largest-payload", "limits/said", "limits/max-bytes"],
  },
  "StoreLimits.commitBytes": {
    "All payloads of one commit together, in bytes.": ["limits/said", "limits/commit-bytes"],
  },
  "StoreLimits.changes": { "The changes of one commit.": ["limits/said", "commit/size"] },
  "StoreLimits.erases": { "The erases among them.": ["limits/said"] },
  "StoreLimits.watchedSlots": { "The slots of one watch.": ["limits/said", "watch/refuses-at-the-call"] },
  "StoreLimits.limit": {
    "`limit` of a list or a scan.": ["limits/said", "limits/limit"],
    "Without it there is none.": [
      "list/more-than-ten-thousand",
      "list/every-match",
      "list-kind/limit",
      "count/every-match",
    ],
  },
  "StoreLimits.earliest": {
    "The earliest `updatedAt`, in milliseconds since 1970.": ["limits/said", "limits/updated-at"],
  },
  "StoreLimits.latest": {
    "The latest `updatedAt`, in milliseconds since 1970.": ["limits/said", "limits/updated-at"],
  },
  "StoreLimits.idempotencyWindowMs": {
    "How long an event id stays seen after it was saved, in milliseconds.": [
      "limits/said",
      "limits/defaults",
      "window/seen-until-it-ends",
    ],
  },
  StoreStatus: { "The load of a store at this moment.": ["status/load"] },
  "StoreStatus.writes": {
    "Commits and their payload bytes.": ["status/load"],
    "A save, a delete or an erase is a commit too.": ["status/load"],
  },
  "StoreStatus.writes.waiting": {
    "Not sent to the driver yet, those that wait for room in the queue included.": ["status/load"],
  },
  "StoreStatus.writes.underWay": { "Sent to the driver, and not answered.": ["status/load"] },
  "StoreStatus.reads": { "Reads of slots, and pages of lists.": ["status/load"] },
};
