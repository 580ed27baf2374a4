import { ADVICE, NAMES, type Sentences, TYPES } from "./sentences.js";

/** Identities, records, changes and receipts. */
export const recordSentences: Sentences = {
  Identity: {
    "Whose state it is.": NAMES,
    "Without `run` (or with an empty one) it belongs to the whole session.": [
      "identity/no-run-has-no-name",
      "identity/no-run",
      "identity/each-field-tells-apart",
    ],
    "Under another tenant, user, session or run lies other state, however alike the names are.": [
      "identity/each-field-tells-apart",
      "isolation/tenants",
      "isolation/joined-names",
      "isolation/delete",
      "isolation/erase",
    ],
    "A name that is not listed here is INVALID_RECORD: with `run` misspelt it would be the whole session's.":
      ["identity/unknown-names"],
  },
  "Identity.tenant": {
    "The customer or organisation: 1 to 255 UTF-8 bytes, not beginning with `~`.": [
      "limits/names",
      "limits/all-at-once",
      "identity/reserved-refused",
      "misuse/names-are-strings",
      "misuse/identity-required",
    ],
    "Take it from the login.": ADVICE,
  },
  "Identity.user": {
    "The user within the tenant: 1 to 255 UTF-8 bytes, not beginning with `~`.": [
      "limits/names",
      "limits/all-at-once",
      "identity/reserved-refused",
      "misuse/names-are-strings",
      "misuse/identity-required",
    ],
  },
  "Identity.session": {
    "The session within the user: 1 to 255 UTF-8 bytes, not beginning with `~`.": [
      "limits/names-of-every-length",
      "limits/names",
      "limits/all-at-once",
      "identity/reserved-refused",
      "misuse/names-are-strings",
      "misuse/identity-required",
    ],
  },
  "Identity.run": {
    "The run within the session: at most 255 UTF-8 bytes; empty is the same as left out.": [
      "limits/names",
      "identity/no-run",
      "identity/reserved-refused",
      "misuse/names-are-strings",
    ],
  },
  SessionIdentity: { "One session, whatever the run.": NAMES },
  UserIdentity: { "One user, whatever the session.": NAMES },
  EventId: {
    "The caller's idempotency key for one write, normally a ULID; unique within a tenant. 1 to 128 UTF-8 bytes.":
      ["limits/event-id", "misuse/event-id-required", "idempotency/tenants-apart", "isolation/joined-names"],
  },
  Expect: {
    'A condition on a slot: the id of the event that must be current in it, or `null` for "the slot is empty".':
      [
        "conditions/events-of-earlier-times",
        "conditions/empty-slot",
        "conditions/current-event",
        "conditions/ids-like-none",
        "conditions/vanished",
        "conditions/own-slot",
        "conditions/same-content-again",
        "conditions/chain",
        "misuse/condition-type",
      ],
  },
  NewRecord: { "A record as a caller hands it over.": ["misuse/record-required"] },
  "NewRecord.eventId": {
    "The idempotency key of this write.": ["idempotency/retry", "misuse/event-id-required"],
  },
  "NewRecord.identity": { "Whose record it is.": ["misuse/no-identity", "misuse/identity-required"] },
  "NewRecord.kind": {
    "The caller's name for the content: `session.lifecycle`, `approval/01J...`. 1 to 512 UTF-8 bytes.": [
      "limits/kind",
      "limits/all-at-once",
      "misuse/kind-required",
      "save/only-its-slot",
    ],
  },
  "NewRecord.bytes": {
    "Opaque to the store; copied at the call or, if the queue is full, as soon as there is room.": [
      "bytes/opaque",
      "bytes/look-like-something",
      "bytes/copied-in",
    ],
    "May be empty; at most `maxBytes` (1 MiB unless configured).": [
      "limits/largest-payload",
      "bytes/opaque",
      "bytes/sizes",
      "bytes/large",
      "limits/payload",
      "limits/max-bytes",
      "limits/larger-than-a-page",
    ],
    "A part of a larger buffer and a view on shared memory count for what they show.": ["bytes/views"],
    "Anything but a Uint8Array is INVALID_RECORD, and so is one whose buffer was detached.": [
      "bytes/nothing-else",
      "bytes/detached",
    ],
  },
  "NewRecord.version": {
    "The caller's own number, a safe integer of 0 or more; stored, returned, never compared.": [
      "limits/version",
      "save/version",
    ],
    "Default 0.": ["save/version"],
  },
  "NewRecord.updatedAt": {
    "Years 1 to 9999, kept to the millisecond, whatever came before; set by the store when left out.": [
      "limits/updated-at",
      "save/updated-at",
      "save/updated-at-milliseconds",
    ],
  },
  StateRecord: {
    "A record as the store returns it: the caller's own copy.": [
      "bytes/memory-of-their-own",
      "bytes/copied-out",
      "save/updated-at-copied",
    ],
  },
  "StateRecord.eventId": {
    "The event that made it current; `expect` takes it.": ["save/comes-back", "conditions/chain"],
  },
  "StateRecord.identity": {
    "Whose record it is.": ["save/comes-back", "isolation/names"],
    "Can be used in further calls as it is.": ["identity/reserved-handed-out", "identity/no-run"],
  },
  "StateRecord.kind": { "The caller's name for the content.": ["save/comes-back", "isolation/names"] },
  "StateRecord.bytes": {
    "The payload, as it was saved.": [
      "bytes/shorter-and-longer",
      "save/comes-back",
      "bytes/opaque",
      "bytes/sizes",
    ],
  },
  "StateRecord.version": { "The caller's own number; 0 when none was given.": ["save/version"] },
  "StateRecord.updatedAt": {
    "The time that the caller gave, or the time of the save.": ["limits/updated-at", "save/updated-at"],
  },
  RecordHeader: {
    "A record without its payload, as a list with `bytes: false` returns it.": [
      "list-headers/without-payloads",
    ],
  },
  WithoutBytes: { "The same options, for a list of `RecordHeader`s.": ["list-headers/same-records"] },
  "WithoutBytes.bytes": {
    "Leaves out the payloads: the store neither reads nor verifies them.": [
      "list-headers/without-payloads",
      "list-headers/large-payloads",
    ],
  },
  Change: {
    "One part of a commit.": ["misuse/unknown-op", "misuse/record-required"],
    "Removes every record of one session, as `erase` does; no other change of the commit may be of that session.":
      ["commit/erase-together", "commit/erase-other-changes-refused", "large-erase/in-a-commit"],
    "Removes the records of exactly this identity whose kind begins with the prefix; no other change may be of one of them.":
      ["erase-prefix/in-a-commit", "erase-prefix/overlaps-refused", "large-erase-prefix/in-a-commit"],
  },
  SaveReceipt: { "The result of a save.": NAMES },
  "SaveReceipt.eventId": { "The event id that was given.": ["save/comes-back", "commit/receipts"] },
  "SaveReceipt.duplicate": {
    "The event had been seen with the same content: nothing was written now.": [
      "idempotency/retry",
      "save/same-content",
    ],
  },
  CommitReceipt: { "The result of a commit.": NAMES },
  "CommitReceipt.duplicate": {
    "The commit is a replay: all its saves had been seen, and nothing was evaluated or written now.": [
      "commit/replay",
      "commit/replay-by-saves",
      "commit/late-replay",
    ],
  },
  "CommitReceipt.receipts": { "One per save, in order.": ["commit/receipts"] },
  "CommitReceipt.deleted": {
    "Only of a commit with deletes, one per delete, in order: whether its slot held a record.": [
      "commit/deleted",
    ],
    "Absent for a replay: the store does not remember it.": ["commit/deleted"],
  },
  "CommitReceipt.erased": {
    "Only of a commit with erases, one per erase, in order: how many records it removed.": [
      "commit/erase-together",
      "commit/receipts",
    ],
    "Zeros for a replay: the store does not remember the numbers.": ["commit/erase-replay"],
  },
  RecordKey: { "The key of a record: an identity and a kind.": NAMES },
  "RecordKey.identity": { "Whose record it is.": NAMES },
  "RecordKey.kind": { "The record's kind.": NAMES },
  MaintenanceScope: {
    "Permits a scan across identities.": ["list-kind/every-identity"],
    "Only `maintenanceScope` makes one; the store checks that it is that very object.": [
      "list-kind/scope-required",
    ],
  },
  "MaintenanceScope.reason": {
    "Why the scan is needed, in words for an operator: 1 to 512 UTF-8 bytes.": ADVICE,
  },
  "MaintenanceScope.tenant": {
    "The one tenant that is scanned; absent if the scope covers all tenants.": [
      "list-kind/inside-its-tenant",
    ],
  },
  "MaintenanceScope.[maintenance]": { "Only `maintenanceScope` makes a scope: a copy is not one.": TYPES },
};
