import { COST, FAILURE, HIDDEN, type Sentences, TYPES } from "./sentences.js";

/** What each operation does. */
export const operationSentences: Sentences = {
  "StateStore.limits": {
    "What this store accepts: code that divides work into commits and pages takes its sizes from here.": [
      "limits/said",
      "limits/defaults",
    ],
  },
  "StateStore.status": {
    "The calls that wait and that are under way; also after `close`.": ["status/load", "status/after-close"],
    "Does not call the driver, so it never blocks.": TYPES,
  },
  "StateStore.save": {
    "Makes the record current in its slot.": ["save/replaces", "save/comes-back", "save/only-its-slot"],
    "IDEMPOTENCY_CONFLICT, CONDITION_FAILED.": ["idempotency/other-bytes", "conditions/empty-slot"],
  },
  "StateStore.load": {
    "Returns the current record of the slot.": ["save/comes-back", "concurrency/own-writes-show"],
    "NOT_FOUND.": ["save/nothing-there"],
  },
  "StateStore.find": {
    "Returns the current record of the slot, or `undefined`.": ["save/comes-back", "save/nothing-there"],
  },
  "StateStore.loadByEventId": {
    "Returns the record with this current event, if it belongs to the given tenant, user and session (`run` is ignored).":
      ["events/current", "events/not-found-before", "events/no-longer-current"],
    "NOT_FOUND otherwise, whether or not it exists elsewhere.": [
      "events/tells-others-nothing",
      "events/no-longer-current",
    ],
  },
  "StateStore.delete": {
    "Empties the slot.": [
      "delete/every-way-after-overwrites",
      "delete/says-whether",
      "delete/only-its-slot",
      "delete/slot-lives-on",
    ],
    "Returns whether it held a record.": ["delete/says-whether"],
    "CONDITION_FAILED.": ["conditions/delete", "delete/conditional-retry"],
  },
  "StateStore.commit": {
    "Applies 1 to 4,096 changes of one tenant, no two of one slot and no two saves of one event id, together or not at all.":
      [
        "commit/whole-records",
        "stores/all-or-nothing-across-sessions",
        "commit/together",
        "commit/all-or-nothing",
        "commit/size",
        "commit/many-sessions",
        "commit/one-tenant",
        "commit/slot-once",
        "commit/event-once",
        "concurrency/opposite-orders",
        "concurrency/erase-beside-commits",
        "stores/all-or-nothing",
        "large-commit/one-step",
        "large-commit/refused-whole",
      ],
    "A commit whose saves (at least one) are all duplicates is a replay, and writes nothing; if only some are, it is IDEMPOTENCY_CONFLICT.":
      [
        "commit/replay-in-any-order",
        "commit/replay",
        "commit/replay-by-saves",
        "commit/late-replay",
        "commit/partial-replay",
      ],
    "A commit without saves is evaluated each time.": ["commit/without-saves"],
    "Conflicts are judged before conditions, and the first failing change is reported.": [
      "commit/conflict-before-condition",
      "commit/first-conflict",
      "commit/first-condition",
    ],
    "CONDITION_FAILED.": ["commit/check", "commit/check-at-each-place", "conditions/details"],
    "An erase has no condition of its own: it happens if the conditions of the other changes hold.": [
      "commit/erase-with-condition",
      "large-erase/in-a-commit",
      "erase-prefix/in-a-commit",
    ],
    "Those must be of other sessions than the erased one; the state under `userIdentity` counts as another session.":
      ["commit/erase-other-changes-refused", "commit/erase-beside-own-state"],
    "An erase with a `prefix` may be in one commit with other changes of its session, as long as none is of a slot that it erases.":
      ["erase-prefix/in-a-commit", "erase-prefix/overlaps-refused", "large-erase-prefix/in-a-commit"],
    "Two erases never overlap.": ["erase-prefix/overlaps-refused", "commit/erase-other-changes-refused"],
    "A commit has at most 256 erases.": ["limits/said"],
  },
  "StateStore.list": {
    "The same as `list` below, without the payloads: they are not read.": [
      "list-headers/same-records",
      "list-headers/without-payloads",
    ],
    "The key, the event id, the version and the time of a record are checked for their form; damage that leaves the form right shows only where the payload is read too.":
      ["damage/keeps-to-itself"],
    "Returns the records of exactly this identity whose kind starts with the prefix (which may be empty), by kind, from one snapshot.":
      [
        "identity/each-field-tells-apart",
        "list/whole-records",
        "list/prefix-literal",
        "list/prefix-empty",
        "list/one-snapshot",
        "order/kinds",
        "bytes/large",
      ],
  },
  "StateStore.count": {
    "Returns exactly how many records `list` would return with these options, from one snapshot.": [
      "count/as-many-as-list",
      "count/one-identity",
      "count/one-snapshot",
      "count/beside-an-erase",
    ],
    "The records themselves are not read, so damage need not show.": ["damage/keeps-to-itself"],
  },
  "StateStore.listKind": {
    "The same as `listKind` below, without the payloads, as `list` without them.": [
      "list-headers/same-records",
    ],
    "Returns records across identities, ordered by tenant, kind, user, session, run; the only operation that does.":
      [
        "list-kind/every-identity",
        "list-kind/inside-its-tenant",
        "order/across-identities",
        "isolation/scans",
      ],
    "The prefix must not be empty.": ["list-kind/prefix-required"],
    "MAINTENANCE_SCOPE_REQUIRED without a scope from `maintenanceScope`.": ["list-kind/scope-required"],
    "A damaged record is CORRUPT, with its key in `details.at`: pass that as `after` to go on.": [
      "damage/names-its-record",
      "damage/keeps-to-itself",
    ],
    "A call with a `limit` reads one snapshot, up to 8 MiB of payloads; a longer result is read in pages, each a snapshot of its own.":
      ["stores/all-or-nothing", "list-kind/every-byte"],
    "A scan only reads: to change a record it found, use that record's own identity.": [
      "list-kind/every-identity",
    ],
  },
  "StateStore.listSessions": {
    "Returns the sessions of one user that have records, whatever the run and kind, by name.": [
      "list-sessions/those-with-records",
      "list-sessions/one-user",
      "list-sessions/order",
      "list-sessions/after-deletes-and-erases",
      "list-sessions/beside-a-large-erase",
      "list-sessions/misuse",
    ],
    "State under `userIdentity` makes no session.": ["list-sessions/own-state-is-no-session"],
    "The cost is that of the sessions returned, however many records they have.": COST,
    "It is read in pages, each a snapshot of its own: a session that has records all the time is returned, and one that has none is not.":
      ["list-sessions/beside-writes", "list-sessions/after-deletes-and-erases"],
  },
  "StateStore.erase": {
    "Removes records, atomically against every commit, however many there are.": [
      "erase/many",
      "erase/bars-nothing",
      "concurrency/erase-beside-commits",
      "processes/erase-beside-commits",
      "large-erase/one-step",
      "large-erase/leaves-what-comes-later",
      "large-erase-prefix/one-step",
      "large-erase-prefix/leaves-what-comes-later",
      "large-erase-prefix/side-by-side",
      "large-erase-prefix/nested",
    ],
    "Returns how many.": ["erase/whole-session", "erase/counts-what-is-there", "erase-prefix/exact-identity"],
    "Without a `prefix`: every record of one session, whatever run or kind; an identity with a run is INVALID_RECORD.":
      [
        "erase/whole-session",
        "erase/leaves-neighbours",
        "erase/users-own",
        "isolation/erase",
        "misuse/erase-with-a-run",
      ],
    "With a `prefix`: the records of exactly this identity whose kind begins with it.": [
      "erase-prefix/exact-identity",
      "erase-prefix/literal",
      "erase-prefix/empty",
    ],
    "Reads no payloads.": HIDDEN,
    "An identity of `userIdentity` or `tenantIdentity` is INVALID_RECORD unless `ownState` is true.": [
      "erase/own-state-asked-for",
      "erase-prefix/own-state-asked-for",
    ],
  },
  "StateStore.watch": {
    "Yields what 1 to 256 slots of one tenant hold: each slot once as it is, then again whenever it has changed.":
      ["watch/each-of-many-slots", "watch/as-they-are", "watch/own-changes", "watch/refuses-at-the-call"],
    "It yields the latest state, and never a backlog: a slot that changes several times before its turn is yielded once.":
      ["watch/latest-state"],
    "Nothing is yielded for a write that changed nothing.": ["watch/nothing-changed"],
    "Changes made through this store show as soon as they are acknowledged.": ["watch/own-changes"],
    "Those of other stores and processes show within `pollMs`, or sooner if the driver tells of them (`notify` of Postgres); in memory, all show at once.":
      ["watch/every-way-to-change", "watch/other-stores", "watch/erased-elsewhere", "watch/other-processes"],
    "The last state of a slot is always yielded in the end.": ["watch/last-state-arrives"],
    "The loop ends when it is left, when the signal aborts, and when the store is closed: then `signal.aborted` is false.":
      ["watch/ends", "watch/iterates"],
    "It does not end because a read failed: after UNAVAILABLE the store tries again, with growing pauses of up to 5 seconds.":
      FAILURE,
    "It rejects with any other error of a read, such as CORRUPT, which names the slot; watch the other slots anew to go on.":
      ["damage/ends-its-watch"],
    "Throws INVALID_RECORD, IDENTITY_REQUIRED and STORE_CLOSED at the call.": [
      "watch/refuses-at-the-call",
      "watch/misuse",
    ],
  },
  "StateStore.close": {
    "Waits for accepted operations, then closes the driver.": [
      "close/writes-finish",
      "close/writes-are-kept",
      "close/reads-settle",
      "close/await-using",
    ],
    "New calls are refused at once.": ["close/refuses-at-once", "close/refuses-later-calls"],
    "Watches end at once.": ["watch/ends"],
    "Writes that are unfinished when the time is up reject with OUTCOME_UNKNOWN.": ["close/in-time"],
    "May be called more than once.": ["close/idempotent"],
    "Other stores on the same data go on.": ["close/only-itself"],
  },
};
