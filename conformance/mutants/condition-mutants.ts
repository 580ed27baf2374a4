import { type ApplyOptions, type Commit, type Outcome, slotOf, type Write } from "../../src/index.js";
import { brokenDriver, type Mutant } from "./mutant.js";

/** Drivers that are wrong about conditions. */
export const conditionMutants: readonly Mutant[] = [
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
    "takes-a-word-for-none",
    "conditions/ids-like-none",
    (base) =>
      class extends base {
        protected override judge(commit: Commit, options: ApplyOptions): Outcome {
          const seemsEmpty = (write: Write) =>
            this.space.records.get(this.slotKey(slotOf(write)))?.eventId === "(nil)";
          return super.judge(
            without(commit, (write) => write.expect === null && seemsEmpty(write)),
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
          const filled = (write: Write) => this.space.records.has(this.slotKey(slotOf(write)));
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
    "finds-what-is-expected-anywhere",
    "conditions/own-slot",
    (base) =>
      class extends base {
        protected override judge(commit: Commit, options: ApplyOptions): Outcome {
          const current = new Set([...this.space.records.values()].map(({ eventId }) => eventId));
          return super.judge(
            without(commit, ({ expect }) => typeof expect === "string" && current.has(expect)),
            options,
          );
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
];

function without(commit: Commit, matches: (write: Write) => boolean): Commit {
  return { ...commit, writes: commit.writes.map((write) => (matches(write) ? unconditional(write) : write)) };
}

/** A check without a condition is as good as none: it becomes a delete that nobody applies. */
function unconditional(write: Write): Write {
  if (write.op === "check") return { op: "delete", slot: write.slot };
  if (write.op === "erase") return write;
  const { expect: _, ...rest } = write;
  return rest;
}
