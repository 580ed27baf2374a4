import { kept, NAMES, type Sentences } from "./sentences.js";

/** What holds for all operations. */
export const storeSentences: Sentences = {
  StateStore: {
    "A store of state, keyed on tenant, user, session, run and kind.": ["identity/each-field-tells-apart"],
    "One slot (an identity and a kind) holds at most one current record.": [
      "save/replaces",
      "concurrency/one-slot",
      "identity/each-field-tells-apart",
    ],
    "An event id stands for one write: its slot, version and bytes.": [
      "idempotency/other-bytes",
      "idempotency/other-version",
      "idempotency/other-slot",
      "save/same-content",
      "window/not-by-updated-at",
    ],
    "Saving the same content again under it succeeds and writes nothing (`duplicate: true`), whatever `expect` is.":
      [
        "idempotency/whatever-is-expected",
        "idempotency/retry",
        "idempotency/replay-needs-no-condition",
        "idempotency/racing-retries",
        "processes/retry-elsewhere",
        "stores/one-event-id",
      ],
    "Other content or another slot is IDEMPOTENCY_CONFLICT.": [
      "idempotency/other-bytes",
      "idempotency/other-version",
      "idempotency/other-slot",
      "idempotency/racing-contents",
      "idempotency/conflict-after-overwrite",
      "idempotency/conflict-after-delete",
      "idempotency/conflict-after-commit",
      "idempotency/every-order",
    ],
    "The store remembers an event id while it is current, and for the idempotency window after it was saved (24 hours by default, by the database's clock), even if its record was overwritten, deleted or erased since.":
      [
        "idempotency/thousands-of-ids",
        "window/whichever-store-asks",
        "idempotency/late-retry-after-overwrite",
        "idempotency/late-retry-after-delete",
        "idempotency/late-retry-after-erase",
        "idempotency/late-retry-after-commit",
        "idempotency/every-erased-id-stays-seen",
        "erase-prefix/remembers-ids",
        "window/seen-until-it-ends",
        "window/current-stays-seen",
        "window/from-the-save",
        "window/not-by-updated-at",
        "window/forgetting-keeps-records",
        "durability/event-ids",
        "durability/event-ids-in-every-order",
      ],
    "Of the records that an erase removed it remembers only the ids, so any retry is a duplicate.": [
      "idempotency/erased-content-is-forgotten",
      "idempotency/every-order",
      "idempotency/every-erased-content-is-forgotten",
      "large-erase/retries-are-duplicates",
    ],
    "Past that, the id counts as unseen, and a write that was refused leaves its id unseen.": [
      "window/overwritten-id-ends",
      "window/deleted-id-ends",
      "window/starts-anew",
      "window/every-order",
      "idempotency/refused-is-unseen",
    ],
    "Conditions (`expect`) hold against every other writer, conditional or not, in this process or another.":
      [
        "concurrency/compare-and-swap",
        "concurrency/one-winner",
        "concurrency/write-skew",
        "concurrency/write-skew-between-stores",
        "stores/write-skew-alone",
        "processes/compare-and-swap",
        "processes/conditions-hold",
      ],
    "Names, kinds, event ids and prefixes are literal: no case is folded, and nothing trimmed, normalised or taken for a pattern.":
      [
        "isolation/names",
        "isolation/tenants",
        "idempotency/ids-are-literal",
        "list/prefix-literal",
        "list/prefix-case",
        "list/prefix-separator",
        "list-kind/prefix-literal",
        "list-sessions/prefix-literal",
        "erase-prefix/literal",
        "erase/leaves-neighbours",
      ],
    "Text with a NUL or a lone surrogate is INVALID_RECORD.": ["limits/text"],
    "Order everywhere is by UTF-8 bytes.": [
      "order/kinds",
      "order/bounds",
      "order/across-identities",
      "list/prefix-ends",
      "list-sessions/order",
    ],
    "Calls need not be awaited.": ["concurrency/in-the-order-of-calls"],
    "Writes on one slot or under one event id take effect in the order of their calls, and an erase takes its turn among them.":
      ["concurrency/in-the-order-of-calls", "erase/in-order", "erase-prefix/in-order"],
    "What was acknowledged shows in every read that begins afterwards, by whatever store on the same data.": [
      "stores/every-read-after-every-write",
      "concurrency/reads-begun-before",
      "concurrency/own-writes-show",
      "events/not-found-before",
      "durability/stores-agree",
      "durability/stores-agree-on-reads",
      "stores/what-a-loser-reads",
    ],
    "A call that fails or aborts leaves those beside it alone.": [
      "abort/one-of-equal-calls",
      "concurrency/neighbours",
      "abort/neighbours",
    ],
    "However many calls one tenant makes, those of another are answered among the first.": [
      "neighbours/saves",
      "neighbours/erases",
      "neighbours/loads",
      "neighbours/lists",
    ],
    "Arguments are read at the call, and what was checked is what is used: changing them later changes nothing.":
      ["identity/read-once", "identity/changed-later", "save/updated-at-copied"],
    "Bytes are copied on the way in, at the call (a call that waits for room in a full queue copies them when it gets it), and on the way out.":
      ["bytes/copied-in", "bytes/copied-out"],
    "An acknowledged write is as durable as the driver promises.": ["durability/records", "processes/kill"],
    "An option that is present with the value `undefined` is INVALID_RECORD, so that a forgotten variable drops no condition.":
      ["misuse/forgotten-condition", "misuse/forgotten-bound", "erase-prefix/forgotten"],
    "Only `signal`, `after`, `before`, `from` and `limit` may be `undefined`, which means none.": [
      "misuse/forgotten-bound",
      "misuse/undefined-signal",
    ],
    "An option that an operation does not have is INVALID_RECORD too.": ["misuse/unknown-options"],
    "Every operation rejects with a StateError: IDENTITY_REQUIRED or INVALID_RECORD for an invalid argument, STORE_CLOSED after `close`, UNAVAILABLE if nothing was written, OUTCOME_UNKNOWN if a write may or may not have happened, CORRUPT for a stored record that is damaged.":
      [
        "errors/one-class",
        "misuse/rejects",
        "misuse/identity-required",
        "misuse/prefix-type",
        "misuse/bounds",
        "close/refuses-later-calls",
        "close/in-time",
      ],
    "Each operation names its further codes.": NAMES,
    "If the driver has a bound (`timeoutMs` of Postgres), a call has one deadline, fixed when it enters the store.":
      kept("store/call-bounds", "has one deadline, its wait in the queue included"),
    "Waiting in the queue, every attempt and every lock count against it, and the call ends at most a second after it.":
      kept("store/call-bounds", "ends in time, whichever it is, though the driver never answers"),
    "A call that has waited too long in the queue is UNAVAILABLE, `busy`.": kept(
      "store/call-bounds",
      "that waits in the queue is rejected as busy before its deadline, and never sent",
    ),
    "Each page of a long scan has a deadline of its own, and so has each piece of what a large erase leaves to be removed.":
      kept("store/driver-declarations", "timeoutMs: each page of a long scan has a deadline of its own"),
  },
};
