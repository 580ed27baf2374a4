import type { ApplyOptions, Commit, Outcome, Slot, Write } from "../../src/index.js";
import { conditionsOf } from "./event-mutants.js";
import { brokenDriver, type Mutant } from "./mutant.js";

/** Drivers that are wrong about conditions, and about what a commit does together. */
export const commitMutants: readonly Mutant[] = [
  brokenDriver(
    "ignores-expect-null",
    "conditions/empty-slot",
    (base) =>
      class extends base {
        protected override judge(commit: Commit, options: ApplyOptions): Outcome {
          return super.judge(
            without(commit, ({ expect }) => expect === null),
            options,
          );
        }
      },
  ),
  brokenDriver(
    "accepts-any-current-event",
    "conditions/current-event",
    (base) =>
      class extends base {
        protected override judge(commit: Commit, options: ApplyOptions): Outcome {
          const filled = (write: Write) =>
            this.space.records.has(this.slotKey(write.op === "save" ? write.record : write.slot));
          return super.judge(
            without(commit, (write) => typeof write.expect === "string" && filled(write)),
            options,
          );
        }
      },
  ),
  brokenDriver(
    "upserts-vanished-slots",
    "conditions/vanished",
    (base) =>
      class extends base {
        protected override judge(commit: Commit, options: ApplyOptions): Outcome {
          const outcome = super.judge(commit, options);
          return outcome.is === "condition" && outcome.current === null
            ? { is: "applied", existed: [] }
            : outcome;
        }
      },
  ),
  brokenDriver(
    "deletes-whatever-is-expected",
    "conditions/delete",
    (base) =>
      class extends base {
        protected override judge(commit: Commit, options: ApplyOptions): Outcome {
          return super.judge(
            without(commit, ({ op }) => op === "delete"),
            options,
          );
        }
      },
  ),
  brokenDriver(
    "does-not-say-what-is-current",
    "conditions/details",
    (base) =>
      class extends base {
        protected override judge(commit: Commit, options: ApplyOptions): Outcome {
          const outcome = super.judge(commit, options);
          return outcome.is === "condition" ? { ...outcome, current: null } : outcome;
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
    "reports-the-last-failure",
    "commit/first-condition",
    (base) =>
      class extends base {
        protected override judge(commit: Commit, options: ApplyOptions): Outcome {
          const outcome = super.judge(commit, options);
          if (outcome.is !== "condition") return outcome;
          const writes = commit.writes.map((write, index) =>
            index === outcome.write ? unconditional(write) : write,
          );
          const next = this.judge({ ...commit, writes }, options);
          return next.is === "condition" ? next : outcome;
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

function without(commit: Commit, matches: (write: Write) => boolean): Commit {
  return { ...commit, writes: commit.writes.map((write) => (matches(write) ? unconditional(write) : write)) };
}

/** A check without a condition is as good as none: it becomes a delete that nobody applies. */
function unconditional(write: Write): Write {
  if (write.op === "check") return { op: "delete", slot: write.slot };
  const { expect: _, ...rest } = write;
  return rest;
}

function sameOwner(a: Slot, b: Slot): boolean {
  return a.tenant === b.tenant && a.user === b.user && a.session === b.session && a.run === b.run;
}
