import {
  type ApplyOptions,
  type Change,
  type Commit,
  type EraseTarget,
  type ListOptions,
  newEventId,
  type Outcome,
  type ScanOptions,
  type Slot,
  type StateStore,
  type StoredRecord,
  type Write,
} from "../../src/index.js";
import type { ReferenceDriver } from "../harness/reference-driver.js";
import { addressing, brokenDriver, brokenStore, type Mutant } from "./mutant.js";

/** Stores on which a rule of the typed layer does not hold. */
export const typedMutants: readonly Mutant[] = [
  unconditional("appends-over-other-appends", "sessions/append-in-order"),
  unseen("appends-again", "sessions/append-once"),
  unconditional("creates-over-what-was-created", "sessions/create-once"),
  brokenStore("lists-all-but-the-last", "sessions/listed-by-last-touch", (store) => ({
    list: async (identity, prefix, options) =>
      (await store.list(identity, prefix, options as ListOptions)).slice(0, -1),
  })),
  brokenStore("lists-pages-without-their-first", "sessions/listed-by-last-event", (store) => ({
    list: async (identity, prefix, options) =>
      (await store.list(identity, prefix, options as ListOptions)).slice(1),
  })),
  brokenDriver(
    "keeps-what-a-commit-deletes",
    "sessions/listed-by-field",
    (base) =>
      class extends base {
        protected override write(write: Write, now: number): void {
          if (write.op !== "delete") super.write(write, now);
        }
      },
  ),
  brokenDriver(
    "erases-sessions-that-begin-alike",
    "sessions/delete-leaves-nothing",
    (base) =>
      class extends base {
        protected override isErased(record: Slot, target: EraseTarget): boolean {
          return (
            super.isErased(record, target) ||
            super.isErased({ ...record, session: record.session.slice(0, -1) }, target)
          );
        }
      },
  ),
  brokenDriver(
    "erases-a-prefix-in-all-sessions",
    "sessions/fork-is-whole",
    (base) =>
      class extends base {
        protected override isErased(record: Slot, target: EraseTarget): boolean {
          return super.isErased("prefix" in target ? { ...record, session: target.session } : record, target);
        }
      },
  ),
  brokenStore("stamps-records-itself", "sessions/import-is-whole", (store) => ({
    commit: (changes, options) => store.commit(changes.map(withoutTime), options),
  })),
  unconditional("decides-again", "approvals/decided-once"),
  unconditional("claims-again", "approvals/claimed-once"),
  unconditional("counts-votes-over-others", "approvals/votes-are-counted"),
  unconditional("claims-what-is-revoked", "approvals/revoked-or-claimed"),
  unconditional("asks-beside-the-same-request", "approvals/joined"),
  brokenDriver(
    "erases-the-tenant-with-a-session",
    "approvals/decision-outlives-session",
    (base) =>
      class extends base {
        protected override isErased(record: Slot, target: EraseTarget): boolean {
          const { user, session } = target;
          return super.isErased({ ...record, user, session }, target);
        }
      },
  ),
  brokenStore("lists-all-but-the-first", "approvals/listed-by-status", (store) => ({
    list: async (identity, prefix, options) =>
      (await store.list(identity, prefix, options as ListOptions)).slice(1),
  })),
  brokenStore("watches-nothing-new", "approvals/wait-sees-others", withFirstLookAlone),
  brokenDriver("edits-what-it-read-long-ago", "sessions/edits-are-seen", withOwnWritesAlone),
  unconditional("takes-back-over-others", "sessions/taken-back-once"),
  brokenStore("follows-the-first-look", "sessions/followed-once-in-order", withFirstLookAlone),
  brokenDriver("claims-by-the-old-arguments", "approvals/claimed-as-edited", withOwnWritesAlone),
  brokenDriver("asks-without-others-knowing", "questions/found-by-others", withOwnWritesAlone),
  unconditional("adds-up-over-other-sums", "ledger/sums-are-exact"),
  brokenDriver(
    "writes-by-what-it-read-long-ago",
    "ledger/record-once",
    (base) =>
      class extends withoutConditions(base) {
        override async read(slots: readonly Slot[]): Promise<undefined[]> {
          return slots.map(() => undefined);
        }
      },
  ),
  unconditional("reserves-what-is-reserved", "ledger/budget-holds"),
  unconditional("counts-over-other-counts", "ledger/periods-count-once"),
  brokenStore("lists-no-first-time", "ledger/summaries-add-up", (store) => ({
    list: async (identity, prefix, options) => {
      const found = await store.list(identity, prefix, options as ListOptions);
      return prefix.startsWith("ledger.time/") ? found.slice(1) : found;
    },
  })),
  brokenStore("lists-times-from-the-bound-on", "ledger/exported-in-order", (store) => ({
    list: async (identity, prefix, options) => {
      const { after, ...rest } = (options ?? {}) as ListOptions;
      if (after === undefined || !prefix.startsWith("ledger.time/"))
        return store.list(identity, prefix, options as ListOptions);
      return store.list(identity, prefix, { ...rest, from: after });
    },
  })),
  unconditional("corrects-over-other-corrections", "ledger/corrections-add-up"),
  unconditional("answers-again", "questions/answered-once"),
  brokenStore("makes-event-ids-of-its-own", "tool-calls/begun-once", (store) => ({
    commit: (changes, options) => store.commit(changes.flatMap(withIdOfItsOwn), options),
  })),
  unconditional("begins-on-a-claimed-approval", "tool-calls/begin-claims"),
  brokenStore("lists-nothing", "tool-calls/orphan-is-found", () => ({ list: async () => [] })),
  unconditional("puts-a-version-twice", "policies/versions-follow-on"),
  addressing("finds-policies-of-any-tenant", "policies/missing-forbids", (slot) => ({
    ...slot,
    tenant: "any",
  })),
  unconditional("removes-what-was-touched", "expiring/touched-stays"),
  brokenStore("scans-from-where-a-record-is", "expiring/cleanup-finds-all", (store) => ({
    listKind: async (scope, prefix, options) => {
      const { after } = (options ?? {}) as ScanOptions;
      if (after !== undefined && (await store.find(after.identity, after.kind)) === undefined) return [];
      return store.listKind(scope, prefix, options as ScanOptions);
    },
  })),
  unconditional("updates-over-other-updates", "facts/updates-are-all-counted"),
  brokenStore("lists-what-begins-nearly-so", "facts/listed-by-whole-parts", (store) => ({
    list: (identity, prefix, options) =>
      store.list(identity, prefix.replace(/\/+$/, ""), options as ListOptions),
  })),
  unconditional("adds-beside-the-same-content", "memories/same-content-once"),
  brokenStore("keeps-the-first-headers-of-a-list", "memories/searched-as-they-are", withFirstHeaders),
  unconditional("claims-what-is-claimed", "runs/claimed-by-one"),
  brokenStore("lists-half-a-queue", "runs/queue-is-emptied", (store) => ({
    list: async (identity, prefix, options) => {
      const found = await store.list(identity, prefix, options as ListOptions);
      return found.slice(0, Math.floor(found.length / 2));
    },
  })),
  brokenDriver("knows-its-own-writes-alone", "runs/outlived-worker-is-fenced", withOwnWritesAlone),
  brokenStore("gives-a-time-to-several", "schedules/each-time-once", (store) => ({
    commit: (changes, options) => store.commit(changes.flatMap(withIdOfItsOwn), options),
  })),
  brokenDriver("finishes-what-others-took-over", "schedules/outlived-worker-is-fenced", withOwnWritesAlone),
  brokenDriver(
    "writes-the-first-four-changes",
    "together/all-of-a-unit",
    (base) =>
      class extends base {
        protected override applyOne(commit: Commit, options: ApplyOptions): Outcome {
          return super.applyOne({ ...commit, writes: commit.writes.slice(0, 4) }, options);
        }
      },
  ),
  unseen("makes-units-again", "together/once"),
  unseen("puts-again", "checkpoints/put-once"),
  unconditional("moves-what-has-changed", "move-user/whole-beside-writers"),
  unconditional("puts-over-other-puts", "checkpoints/latest-of-all"),
  unconditional("removes-what-has-come-into-use", "checkpoints/prune-beside-puts"),
  brokenDriver(
    "writes-the-first-three-changes",
    "artifacts/whole-or-none",
    (base) =>
      class extends base {
        protected override applyOne(commit: Commit, options: ApplyOptions): Outcome {
          return super.applyOne({ ...commit, writes: commit.writes.slice(0, 3) }, options);
        }
      },
  ),
  unconditional("numbers-a-version-twice", "artifacts/versions-follow-on"),
  unconditional("counts-uses-over-other-uses", "artifacts/equal-content-once"),
  brokenDriver(
    "erases-all-of-a-collection",
    "checkpoints/delete-leaves-nothing",
    (base) =>
      class extends base {
        protected override isErased(record: Slot, target: EraseTarget): boolean {
          if (!("prefix" in target)) return super.isErased(record, target);
          const [collection = ""] = target.prefix.split("/", 1);
          return super.isErased(record, { ...target, prefix: collection });
        }
      },
  ),
];

/** Shows what its places hold at first, and nothing that comes after it. */
function withFirstLookAlone(store: StateStore): Partial<StateStore> {
  return {
    watch(places, options) {
      const watch = store.watch(places, options);
      let asked = 0;
      return Object.assign(Object.create(watch) as typeof watch, {
        next: () => (asked++ < places.length ? watch.next() : new Promise<never>(() => {})),
        return: () => watch.return(),
        [Symbol.asyncIterator]() {
          return this;
        },
      });
    },
  };
}

/** Of a list without payloads it returns what it returned at first, whatever has changed since. */
function withFirstHeaders(store: StateStore): Partial<StateStore> {
  const first = new Map<string, ReturnType<StateStore["list"]>>();
  return {
    list: (identity, prefix, options) => {
      const list = () => store.list(identity, prefix, options as ListOptions);
      if ((options as { readonly bytes?: boolean } | undefined)?.bytes !== false) return list();
      const key = JSON.stringify([identity, prefix, options]);
      const known = first.get(key) ?? list();
      first.set(key, known);
      return known;
    },
  };
}

/** Goes on from what it read of a slot first, or has written there itself, whatever others write. */
function withOwnWritesAlone(base: typeof ReferenceDriver): typeof ReferenceDriver {
  return class extends withoutConditions(base) {
    readonly #known = new Map<string, StoredRecord | undefined>();
    override async read(slots: readonly Slot[]): Promise<(StoredRecord | undefined)[]> {
      const records = await super.read(slots);
      return slots.map((slot, index) => {
        const key = this.slotKey(slot);
        if (!this.#known.has(key)) this.#known.set(key, records[index]);
        return this.#known.get(key);
      });
    }
    protected override write(write: Write, now: number): void {
      super.write(write, now);
      if (write.op === "save") this.#known.set(this.slotKey(write.record), write.record);
      if (write.op === "delete") this.#known.set(this.slotKey(write.slot), undefined);
    }
  };
}

/** Holds a write to no condition, so that of two who read the same state both write. */
function unconditional(id: string, breaks: string): Mutant {
  return brokenDriver(id, breaks, withoutConditions);
}

function withoutConditions(base: typeof ReferenceDriver): typeof ReferenceDriver {
  return class extends base {
    protected override judge(commit: Commit, options: ApplyOptions): Outcome {
      const writes = commit.writes
        .filter(({ op }) => op !== "check")
        .map(({ expect: _, ...write }) => write as Commit["writes"][number]);
      return super.judge({ ...commit, writes }, options);
    }
  };
}

/** The change without a condition, and under an event id that nobody has given. */
function withIdOfItsOwn(change: Change): Change[] {
  if (change.op === "check") return [];
  if (change.op !== "save") return [change];
  return [{ op: "save", record: { ...change.record, eventId: newEventId() } }];
}

/** Remembers no event id, and finds no record by one. */
function unseen(id: string, breaks: string): Mutant {
  return brokenDriver(id, breaks, withoutEventMemory);
}

function withoutEventMemory(base: typeof ReferenceDriver): typeof ReferenceDriver {
  return class extends base {
    protected override judge(commit: Commit, options: ApplyOptions): Outcome {
      for (const write of commit.writes)
        if (write.op === "save")
          this.space.events.delete(this.eventKey(write.record.tenant, write.record.eventId));
      return super.judge(commit, options);
    }
    override async readByEventId(): Promise<undefined> {
      return undefined;
    }
  };
}

function withoutTime(change: Change): Change {
  if (change.op !== "save") return change;
  const { updatedAt: _, ...record } = change.record;
  return { ...change, record };
}
