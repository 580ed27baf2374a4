import {
  type ApplyOptions,
  type Commit,
  type Outcome,
  type Slot,
  slotOf,
  targetOf,
  type Write,
} from "../../src/index.js";
import { conditionsOf } from "./event-mutants.js";
import { brokenDriver, type Mutant } from "./mutant.js";

/** Drivers that are wrong about what a commit does together, and about deletes. */
export const commitMutants: readonly Mutant[] = [
  brokenDriver(
    "commits-for-one-session",
    "commit/together",
    (base) =>
      class extends base {
        protected override applyOne(commit: Commit, options: ApplyOptions): Outcome {
          const outcome = this.judge(commit, options);
          const [first] = commit.writes as readonly [Write];
          const own = commit.writes.filter((write) => slotOf(write).session === slotOf(first).session);
          if (outcome.is === "applied") for (const write of own) this.write(write, options.now);
          return outcome;
        }
      },
  ),
  brokenDriver(
    "writes-what-it-can",
    "commit/all-or-nothing",
    (base) =>
      class extends base {
        protected override applyOne(commit: Commit, options: ApplyOptions): Outcome {
          const outcomes = commit.writes.map((write) =>
            super.applyOne({ ...commit, writes: [write] }, options),
          );
          const failed = outcomes.findIndex(({ is }) => is !== "applied");
          if (failed < 0) return { is: "applied", existed: [] };
          const outcome = outcomes[failed] as Outcome;
          return "write" in outcome ? { ...outcome, write: failed } : outcome;
        }
      },
  ),
  brokenDriver(
    "skips-checks",
    "commit/check",
    (base) =>
      class extends base {
        protected override judge(commit: Commit, options: ApplyOptions): Outcome {
          return super.judge(
            { ...commit, writes: commit.writes.filter(({ op }) => op !== "check") },
            options,
          );
        }
      },
  ),
  // As where a transaction takes a hundred operations, and the rest is left out.
  brokenDriver(
    "checks-a-hundred-conditions",
    "commit/check-at-each-place",
    (base) =>
      class extends base {
        protected override judge(commit: Commit, options: ApplyOptions): Outcome {
          const writes = commit.writes.filter(({ op }, at) => op !== "check" || at < 100);
          return super.judge({ ...commit, writes }, options);
        }
      },
  ),
  // As where the first save of a batch stands for all.
  brokenDriver(
    "takes-the-first-save-for-all",
    "commit/partial-replay",
    (base) =>
      class extends base {
        protected override applyOne(commit: Commit, options: ApplyOptions): Outcome {
          const first = commit.writes.find(({ op }) => op === "save");
          const isSeen =
            first?.op === "save" && this.space.events.has(this.eventKey(commit.tenant, first.record.eventId));
          return isSeen
            ? super.applyOne({ ...commit, writes: [first] }, options)
            : super.applyOne(commit, options);
        }
      },
  ),
  brokenDriver(
    "erases-in-commits-of-their-own-alone",
    "commit/erase-together",
    (base) =>
      class extends base {
        protected override applyOne(commit: Commit, options: ApplyOptions): Outcome {
          if (commit.writes.length === 1) return super.applyOne(commit, options);
          const outcome = super.applyOne({ ...commit, writes: commit.writes.map(asNoErase) }, options);
          const erased = commit.writes.filter(({ op }) => op === "erase").map(() => 0);
          return outcome.is === "applied" && erased.length > 0 ? { ...outcome, erased } : outcome;
        }
      },
  ),
  erasingAlso("erases-though-a-condition-fails", "commit/erase-with-condition", "condition"),
  erasingAlso("repeats-erases-of-a-replay", "commit/erase-replay", "duplicate"),
  brokenDriver(
    "completes-partial-replays",
    "commit/partial-replay",
    (base) =>
      class extends base {
        protected override applyOne(commit: Commit, options: ApplyOptions): Outcome {
          const unseen = commit.writes.filter(
            (write) =>
              write.op !== "save" ||
              !this.space.events.has(this.eventKey(commit.tenant, write.record.eventId)),
          );
          return super.applyOne(unseen.length === 0 ? commit : { ...commit, writes: unseen }, options);
        }
      },
  ),
  brokenDriver(
    "writes-a-replay-again",
    "commit/replay",
    (base) =>
      class extends base {
        protected override applyOne(commit: Commit, options: ApplyOptions): Outcome {
          const outcome = super.applyOne(commit, options);
          if (outcome.is === "duplicate") for (const write of commit.writes) this.write(write, options.now);
          return outcome;
        }
      },
  ),
  brokenDriver(
    "knows-commits-by-their-records",
    "commit/late-replay",
    (base) =>
      class extends base {
        protected override judge(commit: Commit, options: ApplyOptions): Outcome {
          const outcome = super.judge(commit, options);
          if (outcome.is !== "duplicate" || commit.writes.length === 1) return outcome;
          const isThere = (write: Write) => this.space.records.has(this.slotKey(slotOf(write)));
          return commit.writes.every(isThere) ? outcome : { is: "applied", existed: [] };
        }
      },
  ),
  brokenDriver(
    "repeats-deletes-of-a-replay",
    "commit/replay-by-saves",
    (base) =>
      class extends base {
        protected override applyOne(commit: Commit, options: ApplyOptions): Outcome {
          const outcome = super.applyOne(commit, options);
          const deletes = outcome.is === "duplicate" ? commit.writes.filter(({ op }) => op === "delete") : [];
          for (const write of deletes) this.write(write, options.now);
          return outcome;
        }
      },
  ),
  brokenDriver(
    "judges-conditions-before-conflict",
    "commit/conflict-before-condition",
    (base) =>
      class extends base {
        protected override judge(commit: Commit, options: ApplyOptions): Outcome {
          const outcome = super.judge(commit, options);
          if (outcome.is !== "conflict") return outcome;
          const conditions = conditionsOf(
            commit,
            (slot) => this.space.records.get(this.slotKey(slot))?.eventId,
          );
          return conditions.is === "condition" ? conditions : outcome;
        }
      },
  ),
  brokenDriver(
    "judges-a-thousand-conditions",
    "commit/many-sessions",
    (base) =>
      class extends base {
        protected override judge(commit: Commit, options: ApplyOptions): Outcome {
          const writes = commit.writes.map((write, index): Write => {
            if (index < 1000 || write.op === "check" || write.expect === undefined) return write;
            const { expect: _, ...unconditional } = write;
            return unconditional;
          });
          return super.judge({ ...commit, writes }, options);
        }
      },
  ),
  brokenDriver(
    "reports-the-first-save-it-saw",
    "commit/first-conflict",
    (base) =>
      class extends base {
        protected override judge(commit: Commit, options: ApplyOptions): Outcome {
          const outcome = super.judge(commit, options);
          return outcome.is === "conflict" ? { is: "conflict", write: 0 } : outcome;
        }
      },
  ),
  brokenDriver(
    "takes-a-repeated-delete-for-a-replay",
    "commit/without-saves",
    (base) =>
      class extends base {
        readonly #made = new Set<string>();

        protected override judge(commit: Commit, options: ApplyOptions): Outcome {
          if (commit.writes.some(({ op }) => op === "save")) return super.judge(commit, options);
          const made = JSON.stringify(commit);
          if (this.#made.has(made)) return { is: "duplicate" };
          this.#made.add(made);
          return super.judge(commit, options);
        }
      },
  ),
  brokenDriver(
    "says-every-delete-found-something",
    "delete/says-whether",
    (base) =>
      class extends base {
        protected override judge(commit: Commit, options: ApplyOptions): Outcome {
          const outcome = super.judge(commit, options);
          return outcome.is === "applied"
            ? { is: "applied", existed: commit.writes.map(() => true) }
            : outcome;
        }
      },
  ),
  brokenDriver(
    "leaves-tombstones",
    "delete/slot-lives-on",
    (base) =>
      class extends base {
        readonly #deleted = new Set<string>();

        protected override judge(commit: Commit, options: ApplyOptions): Outcome {
          const dead = ({ expect }: Write, slot: Slot) =>
            expect === null && this.#deleted.has(this.slotKey(slot));
          const write = commit.writes.findIndex((each) => dead(each, slotOf(each)));
          return write < 0 ? super.judge(commit, options) : { is: "condition", write, current: "deleted" };
        }

        protected override write(write: Write, now: number): void {
          super.write(write, now);
          if (write.op === "delete") this.#deleted.add(this.slotKey(write.slot));
        }
      },
  ),
  brokenDriver(
    "deletes-by-prefix",
    "delete/only-its-slot",
    (base) =>
      class extends base {
        protected override write(write: Write, now: number): void {
          super.write(write, now);
          if (write.op !== "delete") return;
          for (const [key, record] of this.space.records) {
            if (sameOwner(record, write.slot) && record.kind.startsWith(write.slot.kind))
              this.space.records.delete(key);
          }
        }
      },
  ),
];

/** Of outcomes of this kind too. */
function erasingAlso(id: string, breaks: string, is: Outcome["is"]): Mutant {
  return brokenDriver(
    id,
    breaks,
    (base) =>
      class extends base {
        protected override applyOne(commit: Commit, options: ApplyOptions): Outcome {
          const outcome = super.applyOne(commit, options);
          if (outcome.is !== is) return outcome;
          for (const write of commit.writes) if (write.op === "erase") this.erase(targetOf(write));
          return outcome;
        }
      },
  );
}

/** A check that holds, in the place of an erase. */
function asNoErase(write: Write): Write {
  return write.op === "erase" ? { op: "check", slot: slotOf(write), expect: null } : write;
}

function sameOwner(a: Slot, b: Slot): boolean {
  return a.tenant === b.tenant && a.user === b.user && a.session === b.session && a.run === b.run;
}
