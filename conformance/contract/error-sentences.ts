import { ADVICE, FAILURE, kept, NAMES, type Sentences, TYPES, WRAPPERS } from "./sentences.js";

/** The errors, the limits of every store, and what is made to be handed to one. */
export const errorSentences: Sentences = {
  StateErrorDetails: {
    "The `details` of each error code.": ["errors/one-class"],
    "No error says what another tenant, user or session has stored.": ["errors/nothing-of-others"],
    "Open to declaration merging: a wrapper adds codes of its own, and throws the same class.": WRAPPERS,
  },
  "StateErrorDetails.NOT_FOUND": {
    "`load`, `loadByEventId`: this identity has no such record.": [
      "save/nothing-there",
      "events/no-longer-current",
    ],
  },
  "StateErrorDetails.IDEMPOTENCY_CONFLICT": {
    "The event id was seen with other content; `change` is its index in the commit.": [
      "commit/first-conflict",
      "commit/partial-replay",
      "commit/conflict-before-condition",
    ],
    "`field` names what contradicts what the ledger knows of an answer.": WRAPPERS,
  },
  "StateErrorDetails.CONDITION_FAILED": {
    "`current` is the event id the slot holds now, or null.": [
      "conditions/details",
      "commit/first-condition",
    ],
  },
  "StateErrorDetails.CONDITION_FAILED.last": {
    "Of a session's history: the number of its last event, where the call expected another; 0 if it has none.":
      WRAPPERS,
  },
  "StateErrorDetails.IDENTITY_REQUIRED": {
    "Tenant, user or session is missing or empty; in a commit, `change` is its index.": [
      "misuse/identity-required",
      "errors/invalid-names-field",
      "errors/invalid-names-change",
    ],
  },
  "StateErrorDetails.INVALID_RECORD": {
    "Any other invalid argument: its name and the rule, never its value; in a commit, `change` is its index, in an import `line` the number of the line, from 1.":
      ["errors/invalid-names-field", "errors/invalid-names-change", "errors/no-values"],
  },
  "StateErrorDetails.MAINTENANCE_SCOPE_REQUIRED": {
    "`listKind` without a scope from `maintenanceScope`.": ["list-kind/scope-required"],
  },
  "StateErrorDetails.STORE_CLOSED": {
    "The store was closed before or during the call.": ["close/refuses-later-calls", "close/reads-settle"],
    "Nothing was written.": ["close/refused-writes-nothing"],
  },
  "StateErrorDetails.UNKNOWN_DRIVER": { "No driver of this name is registered.": WRAPPERS },
  "StateErrorDetails.UNAVAILABLE": { "Nothing was written.": FAILURE },
  "StateErrorDetails.OUTCOME_UNKNOWN": {
    "The write may or may not have happened: its answer was lost.": ["close/in-time"],
    "A save may be retried with its event id.": [
      "idempotency/retry",
      "idempotency/replay-needs-no-condition",
    ],
  },
  "StateErrorDetails.CORRUPT": {
    "Stored data does not pass its checks; `at` is the record.": ["damage/names-its-record"],
    "What lies beside it is read as ever, and it can be overwritten, deleted and erased like any other, conditions included.":
      ["damage/keeps-to-itself", "damage/is-written-over"],
  },
  "StateErrorDetails.SCHEMA_TOO_NEW": {
    "The database, or a value, was written by newer code: `found` is its version, `supported` the newest that this code knows.":
      WRAPPERS,
  },
  "StateErrorDetails.SCHEMA_OUTDATED": {
    "The database lacks migrations, and the configuration forbids to run them: `found` is its version, `pending` the names of the missing migrations.":
      WRAPPERS,
  },
  UnavailableReason: {
    "`busy`: a lock, a deadlock, a full queue; passes by itself.": FAILURE,
    "`unreachable`: no connection, or no answer in time.": FAILURE,
    "`refused`: the database refused this request; a smaller one may pass.": FAILURE,
    "`setup`: a person has to act first (a package, a password, a permission, a folder).": FAILURE,
  },
  Retries: {
    "The attempts before an error reached the caller.": FAILURE,
    "An error without it came from the first attempt.": FAILURE,
  },
  "Retries.attempts": { "How many attempts were made, the first included.": FAILURE },
  "Retries.milliseconds": { "From the start of the first attempt to the end of the last.": FAILURE },
  StateErrorCode: {
    "Every code: those of the store, and those of the wrappers that a program imports.": TYPES,
  },
  StateErrorOptions: { "The third argument of `new StateError`.": NAMES },
  "StateErrorOptions.details": { "The details of the code, as `StateErrorDetails` has them.": TYPES },
  "StateErrorOptions.cause": {
    "The error that caused it.": NAMES,
    "It must not contain a payload, key or password.": ["errors/no-values", "errors/nothing-of-others"],
  },
  "StateErrorOptions.retryable": {
    "Default: true for UNAVAILABLE, false for everything else.": ["errors/one-class"],
  },
  StateError: {
    "The error class of the store, the drivers and the wrappers.": ["errors/one-class"],
    "Its message contains no payload, key or connection string.": ["errors/no-values"],
  },
  "StateError.code": { "The stable code of the error.": ["errors/one-class"] },
  "StateError.details": {
    "The details of the code, such as `field` and `rule` of INVALID_RECORD.": ["errors/invalid-names-field"],
  },
  "StateError.retryable": {
    "The same call may be made again: it may succeed, and cannot do its work twice.": ["errors/one-class"],
  },
  "StateError.name": { "Always `StateError`.": ["errors/one-class"] },
  "StateError.toString": {
    "Includes the code, as Node's own errors do: `StateError [NOT_FOUND]: ...`.": kept(
      "contract/errors",
      "an error is printed with its name and its code first",
    ),
  },
  AnyStateError: { "A StateError whose `details` narrow with its `code`.": TYPES },
  isStateError: {
    "Whether `value` is a StateError, of this code if one is given; also when another copy of the package threw it.":
      kept("store/two-copies", "an error of one is an error of the other"),
  },
  LIMITS: {
    "The limits of a record, a commit and a call; the same on every driver.": ["limits/defaults"],
    "Sizes of text are in UTF-8 bytes.": ["limits/names", "limits/kind", "limits/event-id"],
    "`limits` of a store says what that very store accepts, its options included.": ["limits/said"],
  },
  "LIMITS.nameBytes": { "Tenant, user, session and run, each.": ["limits/names"] },
  "LIMITS.kindBytes": { "Kind and kind prefix.": ["limits/kind", "erase-prefix/forgotten"] },
  "LIMITS.eventIdBytes": { "Event ids.": ["limits/event-id"] },
  "LIMITS.payloadBytes": {
    "The payload of a record, unless the store has another `maxBytes`.": [
      "limits/payload",
      "limits/max-bytes",
    ],
  },
  "LIMITS.commitBytes": {
    "All payloads of one commit; also the upper bound of `maxBytes`.": ["limits/commit-bytes"],
  },
  "LIMITS.changes": { "The number of changes in one commit.": ["commit/size"] },
  "LIMITS.erases": {
    "The number of erases among them: each may put up a fence, which later reads and writes of its session look at.":
      ["limits/said"],
  },
  "LIMITS.watchedSlots": { "The number of slots of one watch.": ["watch/refuses-at-the-call"] },
  "LIMITS.limit": { "The upper bound of `limit`.": ["limits/limit"] },
  "LIMITS.earliest": { "0001-01-01T00:00:00.000Z": ["limits/updated-at"] },
  "LIMITS.latest": { "9999-12-31T23:59:59.999Z": ["limits/updated-at"] },
  "LIMITS.idempotencyWindowMs": { "24 hours, in milliseconds.": ["limits/defaults"] },
  tenantIdentity: {
    "The identity of state that belongs to a whole tenant.": ["identity/reserved-makers"],
    "A copy made by JSON or `structuredClone` is refused: call this function again in the other process or thread.":
      ["identity/reserved-copies"],
  },
  userIdentity: {
    "The identity of state that belongs to a user, whatever the session.": ["identity/reserved-makers"],
  },
  ScopeClaim: {
    "The reason of a maintenance scan, for an operator to read, and the tenants it covers.": ADVICE,
  },
  maintenanceScope: {
    "Makes the scope that `listKind` requires.": ["list-kind/scope-required"],
    "To scan all tenants, say `allTenants: true`: leaving `tenant` out is refused.": [
      "list-kind/inside-its-tenant",
    ],
  },
  validateScope: {
    "Refuses every object that `maintenanceScope` has not made, copies of scopes included.": [
      "list-kind/scope-required",
    ],
  },
  ScanKindOptions: { "Where `scanKind` begins, and how much it holds at once.": NAMES },
  "ScanKindOptions.after": {
    "Starts after this key: the last record seen, or the `details.at` of a CORRUPT error.": [
      "list-kind/scan-pages",
    ],
  },
  "ScanKindOptions.pageSize": {
    "How many records are held at once: 1 to 10,000.": ["list-kind/scan-pages"],
    "Default 500.": kept("store/scan-kind", "yields %i records, in pages"),
  },
  "ScanKindOptions.bytes": {
    "`false`: without payloads, as `WithoutBytes` says.": kept(
      "store/driver-declarations",
      "scanKind: bytes: false asks for records without payloads, and yields them so",
    ),
    "Default true.": ["list-kind/scan-pages"],
  },
  scanKind: {
    "Yields every record that `listKind` finds, in its order, in bounded memory.": ["list-kind/scan-pages"],
    "It rejects with the error of a page, after it has yielded every record before the damaged one; it never ends early without an error.":
      ["list-kind/scan-ends-loudly"],
  },
  SweepOptions: { "How much one `sweep` does.": NAMES },
  "SweepOptions.after": { "Starts after this key: `next` of the sweep before.": ["list-kind/sweep"] },
  "SweepOptions.limit": {
    "How many records it looks at, damaged ones included: 1 to 10,000.": ["list-kind/sweep"],
    "Default 1,000.": kept(
      "store/driver-declarations",
      "sweep: looks at 1,000 records unless it is told how many",
    ),
  },
  SweepReport: { "What one `sweep` did.": NAMES },
  "SweepReport.deleted": { "How many records it deleted.": ["list-kind/sweep"] },
  "SweepReport.damaged": {
    "The damaged records that it passed over.": kept(
      "store/sweep",
      "passes over damaged records, names them, and deletes what lies around them",
    ),
  },
  "SweepReport.next": {
    "Where the next sweep goes on, as its `after`.": ["list-kind/sweep"],
    "Absent: it has looked at the last one.": ["list-kind/sweep"],
  },
  sweep: {
    "Deletes the records of a prefix, across identities, that `isOver` says are over: expired, finished, orphaned.":
      ["list-kind/sweep"],
    "Each is deleted only if it still is what `isOver` was shown; one that was written meanwhile stays.": [
      "list-kind/sweep",
    ],
    "It looks at `limit` records at most, so a job calls it again with `next` until that is absent.": [
      "list-kind/sweep",
    ],
    "Damaged records are passed over and named in the report.": kept(
      "store/sweep",
      "passes over damaged records, names them, and deletes what lies around them",
    ),
    "The store itself lets nothing expire: this is for a job of yours, in one process or in several at once.":
      ADVICE,
    "If it is aborted or fails, or `isOver` throws, it rejects, and what was deleted until then stays deleted; repeating it does no harm.":
      kept("store/sweep", "ends with what isOver throws, also CORRUPT, and keeps what it had deleted"),
    "The scope is that of `listKind`.": ["list-kind/scope-required"],
    "MAINTENANCE_SCOPE_REQUIRED, INVALID_RECORD.": ["list-kind/scope-required"],
  },
};
