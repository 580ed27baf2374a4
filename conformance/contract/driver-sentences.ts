import { LARGE_ERASES } from "./driver-data-sentences.js";
import { COST, FAILURE, HIDDEN, kept, NAMES, OPERATORS, type Sentences } from "./sentences.js";

const LATER = ["large-erase/leaves-what-comes-later", "large-erase-prefix/leaves-what-comes-later"];
const OTHERS = [
  "stores/write-skew-alone",
  "stores/one-event-id",
  "concurrency/write-skew-between-stores",
  "processes/compare-and-swap",
  "processes/conditions-hold",
  "processes/erase-beside-commits",
];

/** The methods of a driver, as the cases show them through a store over it. */
export const driverSentences: Sentences = {
  DriverStatus: { "The state of a driver's storage, for operators.": OPERATORS },
  "DriverStatus.target": {
    "Where the data is stored, readable for a person; passwords are masked.": OPERATORS,
  },
  "DriverStatus.schemaVersion": { "How many migrations the database has had.": OPERATORS },
  "DriverStatus.pendingMigrations": { "The names of migrations that the database still lacks.": OPERATORS },
  "DriverStatus.missingRights": {
    "Rights that a store needs and its login lacks, such as `INSERT on table record`; absent if there are none.":
      OPERATORS,
  },
  "DriverStatus.pool": { "The connections of a driver that pools them.": OPERATORS },
  "DriverStatus.queue": { "The writes that wait or are under way, in a driver that queues them.": OPERATORS },
  Driver: {
    "Talks to one kind of storage.": NAMES,
    "The store validates and copies arguments before the driver gets them.": kept(
      "store/driver-store-calls",
      "bytes, date, identity and changes changed between the call and the driver change nothing",
    ),
    "It copies the payloads that the driver returns, unless `returnsUnsharedBytes` is set, so a driver may keep and return its own objects.":
      ["bytes/copied-out", "watch/copied-out"],
    "A driver rejects with StateError: UNAVAILABLE if nothing was written (reason `refused` if a smaller batch may pass), OUTCOME_UNKNOWN if a write may have happened, CORRUPT for data that it cannot read.":
      FAILURE,
    "Any other error counts as an unknown outcome if `apply` throws it, as UNAVAILABLE if a read or a sweep does.":
      kept("queue/commit-queue", "has an unknown outcome after a raw error, and is not retryable"),
  },
  "Driver.name": { "The name in diagnostics, such as `postgres`; a layer passes it on.": OPERATORS },
  "Driver.layers": {
    "The layers that this driver should be used with.": NAMES,
    "`openStore` applies them unless its configuration has `layers`.": kept(
      "store/registry",
      "layers: the driver's own, unless the configuration has others",
    ),
    "The first is the outermost.": kept(
      "store/driver-store-calls",
      "layers: the first is the outermost, and a write and a read pass through all",
    ),
  },
  "Driver.timeoutMs": {
    "The longest that a call takes, in milliseconds; absent if there is no bound.": COST,
    "The store makes the deadline of each call from it; waiting in the store counts against that.": kept(
      "store/call-bounds",
      "has one deadline, its wait in the queue included",
    ),
    "The store gives up a call that outlasts its deadline by a second.": kept(
      "store/call-bounds",
      "ends in time, whichever it is, though the driver never answers",
    ),
  },
  "Driver.inFlight": {
    "How many batches should be under way at once, unless the store's options say otherwise.": kept(
      "store/driver-declarations",
      "inFlight: so many batches are under way, unless the store's options say otherwise",
    ),
    "Default 1.": kept(
      "store/driver-declarations",
      "inFlight: so many batches are under way, unless the store's options say otherwise",
    ),
  },
  "Driver.readsInFlight": {
    "How many reads should be under way at once: at least 2, and few enough that writes need not wait for them.":
      kept("store/driver-declarations", "readsInFlight: so many reads are under way, 8 unless it says so"),
    "Default 8.": kept(
      "store/driver-declarations",
      "readsInFlight: so many reads are under way, 8 unless it says so",
    ),
  },
  "Driver.batchesOneTenant": {
    "Set if no call may concern several tenants: the store then gives `apply`, `read` and `readEventIds` commits and slots of one tenant each, tenants in turn.":
      kept(
        "queue/one-tenant",
        "a store keeps the tenants apart in every call of a driver that asks for it, also through its layers",
      ),
    "For drivers whose statements run under the rights of a tenant, or go where its data is.": NAMES,
    "A scan without `tenant` still is of all.": ["list-kind/inside-its-tenant"],
    "Default: calls mix tenants, which makes fewer of them.": kept(
      "queue/one-tenant",
      "are mixed where the driver does not ask for it (control)",
    ),
  },
  "Driver.returnsUnsharedBytes": {
    "Set if each payload that the driver returns has memory of its own, to which the driver keeps no reference.":
      ["bytes/copied-out"],
    "The store then hands it to the caller without a copy.": kept(
      "store/driver-declarations",
      "returnsUnsharedBytes: payloads are handed on as they are, and copied without it",
    ),
  },
  "Driver.apply": {
    "Applies commits in order, each seeing the one before.": [
      "concurrency/in-the-order-of-calls",
      "concurrency/one-winner",
    ],
    "Each is atomic, and durable when the promise resolves.": [
      "commit/all-or-nothing",
      "large-commit/one-step",
      "durability/records",
      "processes/kill",
    ],
    "Returns one outcome per commit, by the rules of `decide`.": ["concurrency/neighbours", "commit/replay"],
    "One store never has two batches under way that share a slot or an event id, or of which one erases in a session that the other writes or erases in.":
      kept(
        "queue/commit-queue-property",
        "whatever the calls and the failures of the driver, the queue keeps its rules",
      ),
    "The driver itself has to exclude other stores, of this process and of others.": OTHERS,
    "An erase is atomic against every commit, however many records there are.": [
      "erase/many",
      "concurrency/erase-beside-commits",
      "processes/erase-beside-commits",
    ],
    "If removing them would take long, the driver makes them invisible, sets `remains`, and leaves them to `sweep`.":
      LARGE_ERASES,
    "Records saved later are never part of that, nor of what an earlier erase of other slots has left.": [
      ...LATER,
      "large-erase-prefix/side-by-side",
      "large-erase-prefix/nested",
    ],
    "The event ids of the records left behind are remembered like those of erased records.": [
      "large-erase/retries-are-duplicates",
      "large-erase-prefix/leaves-what-comes-later",
    ],
    "The driver remembers every saved event id with its fingerprint.": [
      "idempotency/conflict-after-overwrite",
      "idempotency/conflict-after-delete",
      "durability/event-ids",
    ],
    "Per batch it forgets at most twice as many ids as the batch wrote, oldest first, if `isSeen` is false for them; an id that is past the window but still current is queued again as the newest.":
      ["window/current-stays-seen", "window/seen-until-it-ends", "window/forgetting-keeps-records"],
  },
  "Driver.read": {
    "Returns one entry per slot, in order, from one snapshot.": [
      "save/comes-back",
      "concurrency/own-writes-show",
      "save/nothing-there",
    ],
  },
  "Driver.readEventIds": {
    "Optional.": NAMES,
    "The same as `read`, with nothing but the id of each slot's current event, so that no payload has to be read.":
      ["watch/last-state-arrives", "watch/other-stores"],
    "The store asks it for the slots that are watched, up to 500 at a time; without it, the store uses `read`.":
      kept(
        "watch/questions",
        "5,000 watches of one slot each cost one question per interval, in calls of at most 500 slots",
      ),
  },
  "Driver.changeCounter": {
    "Optional.": NAMES,
    "Returns a value that is equal (`===`) to an earlier one only if no record has changed in between, whichever store or process changes records; it may differ without a change.":
      ["watch/other-stores", "watch/erased-elsewhere", "watch/other-processes"],
    "The store then asks for watched slots only if the value differs.": kept(
      "watch/questions",
      "whose change counter stands still is not asked for slots",
    ),
    "It has to be much cheaper than `readEventIds`.": COST,
  },
  "Driver.changes": {
    "Optional.": NAMES,
    "Tells of changes as they happen; without it, watches see the changes of other stores by asking.": [
      "watch/erased-elsewhere",
      "watch/other-stores",
    ],
  },
  "Driver.readByEventId": {
    "Returns the record of this session with this current event.": [
      "events/current",
      "events/no-longer-current",
      "events/tells-others-nothing",
    ],
    "A record of another session must take no longer than none.": COST,
  },
  "Driver.scan": {
    "Returns one page, from one snapshot.": ["list/one-snapshot", "stores/all-or-nothing"],
    "A page that would take long ends early, with `next`.": ["list-kind/few-among-many-tenants"],
  },
  "Driver.count": {
    "Returns how many records match, at most `limit`, from one snapshot.": [
      "count/as-many-as-list",
      "count/one-snapshot",
      "count/beside-an-erase",
    ],
    "Should read no records, and must not block writers or the event loop for long, however many match.":
      COST,
    "Absent: the store reads them all with `scan` and counts them.": kept(
      "store/driver-declarations",
      "count: without it, the records of a list are scanned page by page and counted",
    ),
  },
  "Driver.scanSessions": {
    "Returns one page of the sessions of a user that have a record, from one snapshot.": [
      "list-sessions/those-with-records",
      "list-sessions/beside-writes",
      "list-sessions/after-deletes-and-erases",
    ],
    "A session should cost a seek, however many records it has.": COST,
    "A page that would take long ends early, with `next`.": ["list-sessions/beside-a-large-erase"],
  },
  "Driver.sweep": {
    "Removes one piece of what erases have left behind in these slots, small enough that it hardly delays a batch.":
      ["erase/many", ...LATER],
    "That includes what erases of wider or narrower targets have left there; the piece may lie outside the target then.":
      ["large-erase-prefix/nested"],
    "The store calls this until nothing is left, while batches go on.": [
      "large-erase/leaves-what-comes-later",
    ],
    "If the store's process dies before that, drivers remove the rest along with later batches.": HIDDEN,
  },
  "Driver.ready": {
    "Optional.": NAMES,
    "`openStore` waits for it before it returns the store: a layer looks here whether it can do its work at all, such as whether it has the right keys.":
      kept("layers/encrypting", "wrong, missing and swapped ones are told at open, by their names"),
    "Every other call works without it.": kept(
      "layers/encrypting",
      "a store that openStore did not make says the same at its first call",
    ),
  },
  "Driver.status": {
    "Returns where the data is stored and the state of the schema.": OPERATORS,
    "May query the database.": NAMES,
  },
  "Driver.close": {
    "Releases all resources.": ["close/only-itself", "close/writes-are-kept"],
    "Called once, when no call is under way.": kept(
      "store/driver-store-close",
      "lets writes and erases under way finish, and releases the driver after them, once",
    ),
  },
  ChangeFeed: {
    "Tells of changes as they happen, also of those that other stores and processes make.": [
      "watch/other-stores",
      "watch/other-processes",
    ],
    "The store still asks for itself while the feed is not live, and from time to time while it is.": kept(
      "watch/questions",
      "while the feed is lost, and when it is live again",
    ),
  },
  "ChangeFeed.groupOf": {
    "The group of a slot.": NAMES,
    "When a slot has changed, the feed names its group; the store then asks for the slots of that group which are watched.":
      ["watch/erased-elsewhere"],
    "All slots of a session should be of one group.": ["watch/erased-elsewhere"],
    "Several sessions may share one.": NAMES,
  },
  "ChangeFeed.subscribe": {
    "Begins to tell of changes.": ["watch/other-stores", "watch/erased-elsewhere"],
    "Returns the function that ends it.": HIDDEN,
    "The store subscribes while anything is watched.": kept(
      "watch/questions",
      "while the feed is lost, and when it is live again",
    ),
  },
  ChangeListener: {
    "What a `ChangeFeed` calls.": NAMES,
    "Neither function throws.": kept("watch/questions", "while the feed is lost, and when it is live again"),
  },
  "ChangeListener.changed": {
    "After a change can be read: slots of these groups may have changed; absent: any slot may have.": [
      "watch/last-state-arrives",
      "watch/erased-elsewhere",
    ],
  },
  "ChangeListener.live": {
    "Every change from now on is told.": ["watch/other-stores", "watch/erased-elsewhere"],
    "The store asks once for what it missed, and then only every so many milliseconds, in case that another writer does not tell; Infinity if there can be no such writer.":
      kept("watch/questions", "while the feed is lost, and when it is live again"),
  },
  "ChangeListener.lost": { "Changes may be missed from now on, until the next `live`.": FAILURE },
  Layer: { "Wraps a driver in a driver that adds something: retries, encryption, telemetry.": NAMES },
  DriverFactory: {
    "Opens a driver or a whole store from its configuration.": NAMES,
    "`openStore` makes a store of a driver, with the options of the store.": kept(
      "store/registry",
      "apply to the store that is made of the driver",
    ),
    "A factory that returns a store has to apply those options itself.": ["limits/said", "limits/max-bytes"],
  },
};
