import { COST, FAILURE, GIVEN, kept, NAMES, type Sentences } from "./sentences.js";

/** The cases that look while a large erase goes on. */
export const LARGE_ERASES = [
  "large-erase/one-step",
  "large-erase/retries-are-duplicates",
  "large-erase-prefix/one-step",
  "count/beside-an-erase",
  "list-sessions/beside-a-large-erase",
];

/** What a driver is given and what it returns, as the cases show it through a store over the driver. */
export const driverDataSentences: Sentences = {
  Slot: {
    "One identity plus one kind.": NAMES,
    '`run` is `""` for session-scoped state.': ["identity/no-run", "identity/each-field-tells-apart"],
  },
  "Slot.tenant": { "1 to 255 UTF-8 bytes.": ["limits/names", "limits/all-at-once"] },
  "Slot.user": {
    "1 to 255 UTF-8 bytes; `~` for state of a whole tenant.": ["limits/names", "identity/reserved-makers"],
  },
  "Slot.session": {
    "1 to 255 UTF-8 bytes; `~` for state of a whole user or tenant.": [
      "limits/names",
      "identity/reserved-makers",
    ],
  },
  "Slot.run": { "At most 255 UTF-8 bytes.": ["limits/names"] },
  "Slot.kind": { "1 to 512 UTF-8 bytes.": ["limits/kind", "limits/all-at-once"] },
  Session: { "All runs and kinds of one session.": NAMES },
  SlotPrefix: {
    'The slots of exactly one identity (`run` is `""` for session-scoped state) whose kinds begin with a prefix.':
      ["erase-prefix/exact-identity"],
  },
  "SlotPrefix.prefix": {
    'At most 512 UTF-8 bytes, taken literally; `""` for all kinds of the identity.': [
      "erase-prefix/literal",
      "erase-prefix/empty",
    ],
  },
  EraseTarget: { "The target of an erase.": NAMES },
  StoredRecord: { "A record as it is stored.": NAMES },
  "StoredRecord.eventId": {
    "1 to 128 UTF-8 bytes, unique within the tenant.": ["limits/event-id", "idempotency/tenants-apart"],
  },
  "StoredRecord.fingerprint": {
    "Identifies the write; 43 characters of ASCII.": ["idempotency/other-bytes", "idempotency/other-slot"],
    "Stored and compared, never computed by a driver.": ["idempotency/other-version", "durability/event-ids"],
  },
  "StoredRecord.version": { "A safe integer of 0 or more.": ["limits/version"] },
  "StoredRecord.updatedAt": {
    "Milliseconds since 1970.": ["limits/updated-at", "save/updated-at-milliseconds"],
  },
  "StoredRecord.bytes": {
    "The payload, 0 to 16 MiB; a layer that seals it may add up to 64 bytes.": [
      "bytes/sizes",
      "limits/larger-than-a-page",
    ],
  },
  "StoredRecord.unreadable": {
    "Set by a layer that cannot make the payload readable: the store rejects a read of this record with it.":
      kept("layers/encrypting", "one that cannot be opened fails the reads of itself alone"),
  },
  Write: {
    "One change of a commit, checked.": GIVEN,
    "`expect` is the event that must be current in the slot, or `null` for an empty one.": [
      "conditions/empty-slot",
      "conditions/current-event",
    ],
    "Removes every record of the session.": ["erase/whole-session"],
    "Of each event only the id is remembered.": [
      "idempotency/erased-content-is-forgotten",
      "idempotency/every-erased-content-is-forgotten",
    ],
    "The same for the records in these slots.": ["erase-prefix/exact-identity", "erase-prefix/remembers-ids"],
    "Has no `session`.": GIVEN,
  },
  Commit: {
    "Writes of one tenant, no two of one slot, that take effect together or not at all.": [
      "commit/together",
      "commit/all-or-nothing",
    ],
    "Next to the erase of a session there is no other write of the session, and next to an erase of slots none of a slot that it erases.":
      GIVEN,
    "Two erases never overlap.": GIVEN,
  },
  "Commit.tenant": { "The tenant of every write.": GIVEN },
  "Commit.writes": { "1 to 4,096, in the caller's order.": ["commit/size", "commit/receipts"] },
  Outcome: {
    "The outcome of one commit: applied, seen before (`duplicate`), or refused.": ["concurrency/neighbours"],
    "`write` is the index of the write that was refused.": [
      "commit/first-conflict",
      "commit/first-condition",
    ],
  },
  Applied: { "The commit took effect.": ["commit/together"] },
  "Applied.is": { "The discriminant of `Outcome`.": NAMES },
  "Applied.existed": {
    "Per write: whether its slot held a record before; false for an erase.": [
      "commit/deleted",
      "delete/says-whether",
    ],
  },
  "Applied.erased": {
    "Per erase, in order: how many records `apply` has removed.": ["commit/erase-together", "erase/many"],
    "Only of a commit with erases.": ["commit/receipts"],
  },
  "Applied.remains": {
    "A large erase has left records behind for `sweep`.": LARGE_ERASES,
    "They are invisible from then on: to reads, scans, conditions and event ids.": LARGE_ERASES,
  },
  Swept: { "The result of one `sweep`.": NAMES },
  "Swept.removed": { "How many records it has removed.": ["erase/many", "large-erase-prefix/nested"] },
  "Swept.more": { "There may be more: the store calls `sweep` again.": ["erase/many"] },
  CallLimit: { "How long a call may take, its retries and waits for locks included.": NAMES },
  "CallLimit.deadline": {
    "When the caller gives up, in milliseconds of the monotonic clock (`process.uptime() * 1000`).": NAMES,
    "The call settles by then, and starts no work after it.": COST,
    "Absent: the driver's own bound applies.": COST,
  },
  "CallLimit.signal": {
    "For reads: aborts when the caller has given up.": ["abort/reads"],
    "A read that takes long should end then, in any way.": COST,
  },
  "ApplyOptions.now": {
    "The store's clock, milliseconds since 1970.": ["save/updated-at"],
    "A driver whose database has a clock uses that instead; one that waits before it writes adds the wait.": [
      "window/not-by-updated-at",
      "window/from-the-save",
    ],
  },
  "ApplyOptions.window": {
    "How long an event id stays seen after it was saved, in milliseconds.": [
      "window/seen-until-it-ends",
      "window/overwritten-id-ends",
      "window/deleted-id-ends",
    ],
  },
  "ApplyOptions.setAside": {
    "The driver may call this before `apply` resolves, for a commit that waits for a lock of another process, so that the rest of the batch need not wait: with the commit's index in the batch and a promise of its outcome, which must not reject.":
      FAILURE,
    "The store then ignores the outcome at this index of `apply`'s result.": kept(
      "queue/commit-queue-aside",
      "fails alone, and is sent again if its outcome is unknown",
    ),
    "It sends no commit that shares a slot or an event id with this one until the promise is settled.": kept(
      "queue/commit-queue-aside",
      "blocks the commits that share a slot with it, and no others",
    ),
  },
  ScanQuery: {
    "One page of records.": NAMES,
    "With `identity`: the records of exactly that identity, ordered by kind; `reverse` turns the order around.":
      ["identity/each-field-tells-apart", "order/kinds", "list/reverse"],
    "Without: all that match, ordered by tenant, kind, user, session, run, within `tenant` if it is given.": [
      "order/across-identities",
      "list-kind/inside-its-tenant",
      "isolation/scans",
    ],
    "Never reversed, and never with `before`.": GIVEN,
    "Order and prefix are by UTF-8 bytes.": ["order/kinds", "list/prefix-ends", "list/prefix-case"],
    "`after` and `before` are exclusive positions in the ascending order, whether or not a record is stored there.":
      ["list/after-before", "list-kind/after-deleted"],
  },
  "ScanQuery.tenant": { "Only records of this tenant; absent: of all.": ["list-kind/inside-its-tenant"] },
  "ScanQuery.identity": {
    "Only records of exactly this identity; `tenant` is then its tenant.": [
      "identity/each-field-tells-apart",
      "count/one-identity",
    ],
  },
  "ScanQuery.prefix": {
    "The kinds begin with this, literally.": ["list/prefix-literal", "list-kind/prefix-literal"],
  },
  "ScanQuery.from": {
    "Only records at this slot or after it in ascending order; never without `identity`.": ["list/from"],
    "Holds beside `after`.": ["list/from"],
  },
  "ScanQuery.after": {
    "Only records after this slot in ascending order.": [
      "list/after-before",
      "list-kind/after",
      "list-kind/after-into-the-next-tenant",
    ],
  },
  "ScanQuery.before": { "Only records before this slot in ascending order.": ["list/after-before"] },
  "ScanQuery.limit": { "The page's size in records.": ["list/limit", "list-kind/limit"] },
  "ScanQuery.maxBytes": {
    "The page ends after the record with which its payloads reach this many bytes; it holds at least one record.":
      ["list/every-byte", "list-kind/every-byte", "limits/larger-than-a-page"],
  },
  "ScanQuery.reverse": { "Descending order; the page then starts at the end.": ["list/reverse"] },
  "ScanQuery.bytes": {
    "The store will ignore the payloads: they should not be read, and `bytes` of each record should be empty.":
      ["list-headers/without-payloads", "list-headers/large-payloads"],
  },
  CountQuery: {
    "Which records `count` counts: those that a scan with the same fields finds.": [
      "count/as-many-as-list",
      "count/one-identity",
    ],
  },
  SessionsQuery: {
    "Which sessions of one user `scanSessions` returns, in the order of their names by UTF-8 bytes.": [
      "list-sessions/one-user",
      "list-sessions/order",
    ],
  },
  "SessionsQuery.prefix": { "The names begin with this, literally.": ["list-sessions/prefix-literal"] },
  "SessionsQuery.after": {
    "Only sessions with a record after this slot, in the order of identities: of its own session, only the records after it count.":
      ["list-sessions/after", "list-sessions/those-with-records"],
    "Names in it may be empty, and the session may be longer than a name can be.": ["list-sessions/after"],
  },
  "SessionsQuery.limit": { "The page's size in sessions.": ["list-sessions/order"] },
  SessionsPage: { "One page of sessions.": NAMES },
  "SessionsPage.sessions": { "The names, each once.": ["list-sessions/those-with-records"] },
  "SessionsPage.more": { "As of a `ScanPage`.": ["list-sessions/order"] },
  "SessionsPage.next": {
    "As of a `ScanPage`: records up to this slot were passed over.": ["list-sessions/beside-a-large-erase"],
    "It lies beyond every session of the page.": ["list-sessions/beside-a-large-erase"],
  },
  ScanPage: { "One page of a scan.": NAMES },
  "ScanPage.records": {
    "In the order of the query.": ["order/kinds", "order/across-identities", "list/reverse"],
  },
  "ScanPage.more": {
    "There may be more: the store asks for the next page.": ["list/every-match", "list-kind/limit"],
    "Must be false if the page is empty and has no `next`.": ["list-kind/few-among-many-tenants"],
  },
  "ScanPage.next": {
    "Set if the page ended early, because it took much work: the next page starts after this slot, instead of after the last record.":
      ["list-kind/few-among-many-tenants"],
    "It lies beyond `after` and every record of the page; names in it may be empty.": [
      "list-kind/few-among-many-tenants",
      "list-kind/after-into-the-next-tenant",
    ],
    "Such a page may have no records.": ["list-kind/few-among-many-tenants"],
  },
};
