import { setImmediate as turn } from "node:timers/promises";
import {
  type ApplyOptions,
  type Commit,
  type Outcome,
  type ScanPage,
  type ScanQuery,
  type Slot,
  type StoredRecord,
  slotKey,
  type Write,
} from "../../src/index.js";
import type { ReferenceDriver } from "../harness/reference-driver.js";
import { brokenDriver, type Mutant, writingInParts } from "./mutant.js";

/** How long work on a key goes on, by space. */
const held = new WeakMap<object, Map<string, Promise<unknown>>>();

/** Drivers that are wrong about the other stores of their space, over a server that takes its time. */
export const storesMutants: readonly Mutant[] = [
  // As WATCH of Redis on the keys that are written, or a row lock on them.
  brokenDriver("locks-what-it-writes-alone", "stores/write-skew-alone", (base) =>
    locking(base, (commit) => commit.writes.filter(({ op }) => op !== "check").map(sessionOf)),
  ),
  // As a database that has a lock per session, and no unique index on event ids.
  brokenDriver("locks-sessions-and-no-event-ids", "stores/one-event-id", (base) =>
    locking(base, (commit) => commit.writes.map(sessionOf)),
  ),
  // As a database that takes 100 changes in one transaction.
  writingInParts("commits-a-hundred-at-a-time", "stores/all-or-nothing", (commit) => {
    const { writes } = commit;
    if (hasOther(commit)) return [writes];
    return Array.from({ length: Math.ceil(writes.length / 100) }, (_, part) =>
      writes.slice(part * 100, (part + 1) * 100),
    );
  }),
  // As a cache in front of a database that is told of the writes of its own process that succeed.
  brokenDriver(
    "caches-until-it-writes",
    "stores/what-a-loser-reads",
    (base) =>
      class extends base {
        readonly #cache = new Map<string, StoredRecord>();

        override async read(slots: readonly Slot[]): Promise<readonly (StoredRecord | undefined)[]> {
          const found = await super.read(slots);
          return slots.map((slot, index) => {
            const key = slotKey(slot);
            const record = this.#cache.get(key) ?? found[index];
            if (record) this.#cache.set(key, record);
            return record;
          });
        }

        override async apply(commits: readonly Commit[], options: ApplyOptions): Promise<readonly Outcome[]> {
          const outcomes = await super.apply(commits, options);
          if (outcomes.some(({ is }) => is === "applied")) this.#cache.clear();
          return outcomes;
        }
      },
  ),
  // As a client that sends a query once where the same is asked several times at once.
  brokenDriver(
    "shares-answers-of-the-same-scan",
    "concurrency/own-writes-show",
    (base) =>
      class extends base {
        readonly #underWay = new Map<string, Promise<ScanPage>>();

        override async scan(query: ScanQuery): Promise<ScanPage> {
          const key = JSON.stringify(query);
          const shared = this.#underWay.get(key) ?? this.#slowly(query);
          this.#underWay.set(key, shared);
          return shared.finally(() => this.#underWay.delete(key));
        }

        async #slowly(query: ScanQuery): Promise<ScanPage> {
          const page = await super.scan(query);
          for (let turns = 0; turns < 5; turns++) await turn();
          return page;
        }
      },
  ),
];

/** Judges, takes its time and writes, one commit after another for each key. */
function locking(
  base: typeof ReferenceDriver,
  keysOf: (commit: Commit) => readonly string[],
): typeof ReferenceDriver {
  return class extends base {
    override async apply(commits: readonly Commit[], options: ApplyOptions): Promise<readonly Outcome[]> {
      const locks = held.get(this.space) ?? new Map<string, Promise<unknown>>();
      held.set(this.space, locks);
      const keys = new Set(commits.flatMap(keysOf));
      const before = Promise.all([...keys].map((key) => locks.get(key)));
      const work = before.then(() => this.#applyAll(commits, options));
      for (const key of keys) locks.set(key, work);
      return work;
    }

    async #applyAll(commits: readonly Commit[], options: ApplyOptions): Promise<readonly Outcome[]> {
      const outcomes: Outcome[] = [];
      for (const commit of commits) {
        const outcome = this.judge(commit, options);
        await turn();
        if (outcome.is !== "applied") outcomes.push(outcome);
        else outcomes.push(this.#write(commit, options, outcome));
      }
      return outcomes;
    }

    #write(commit: Commit, options: ApplyOptions, outcome: Outcome): Outcome {
      if (commit.writes.some(({ op }) => op === "erase")) return this.applyOne(commit, options);
      for (const write of commit.writes) this.write(write, options.now);
      return outcome;
    }
  };
}

function sessionOf(write: Write): string {
  const { tenant, user, session } =
    write.op === "save" ? write.record : write.op === "erase" ? (write.session ?? write.slots) : write.slot;
  return JSON.stringify([tenant, user, session]);
}

/** Whether it does anything but save. */
function hasOther({ writes }: Commit): boolean {
  return writes.some(({ op }) => op !== "save");
}
