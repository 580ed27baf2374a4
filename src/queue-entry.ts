import type { Commit, Outcome } from "./driver.js";
import { isStateError, StateError } from "./errors.js";

interface Waiting<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (reason: unknown) => void;
  /** Dequeues the caller's abort listener. */
  release: () => void;
  state: "waiting" | "sent" | "settled";
}

export interface CommitEntry extends Waiting<Outcome> {
  readonly commit: Commit;
  readonly bytes: number;
  readonly keys: readonly string[];
  /** A try ended without saying whether it was written. */
  inDoubt: boolean;
  /** It was sent once more because of that. */
  sentOnceMore: boolean;
}

export interface EraseEntry extends Waiting<number> {
  readonly erase: readonly [tenant: string, user: string, session: string];
}

export type Entry = CommitEntry | EraseEntry;

/** Whether a driver's answer is one that a commit can have. */
function fits(outcome: Outcome | undefined, { commit }: CommitEntry): outcome is Outcome {
  const isWrite = (index: number) => Number.isInteger(index) && commit.writes[index] !== undefined;
  switch (outcome?.is) {
    case "applied":
      return Array.isArray(outcome.existed) && outcome.existed.length === commit.writes.length;
    case "conflict":
      return isWrite(outcome.write);
    case "condition":
      return isWrite(outcome.write) && (outcome.current === null || typeof outcome.current === "string");
    default:
      return outcome?.is === "duplicate" || outcome?.is === "failed";
  }
}

/** Passes an outcome on; where it does not say what became of the commit, the error that is left instead. */
export function deliver(entry: CommitEntry, outcome: Outcome | undefined): unknown {
  if (!fits(outcome, entry)) return new Error("the driver gave an outcome that is none");
  if (outcome.is !== "failed") settle(entry)?.resolve(outcome);
  else if (isStateError(outcome.error, "OUTCOME_UNKNOWN")) return outcome.error;
  else refuse(entry, outcome.error);
  return undefined;
}

/** Rejects a commit. While a try of it is in doubt, a later one that wrote nothing does not say that nothing was written. */
export function refuse(entry: CommitEntry, error: unknown): void {
  settle(entry)?.reject(isStateError(error) && !entry.inDoubt ? error : unknownOutcome(entry, error));
}

/** Marks an entry settled; `undefined` when it already was. */
export function settle<E extends Entry>(entry: E): E | undefined {
  if (entry.state === "settled") return undefined;
  entry.state = "settled";
  entry.release();
  return entry;
}

export function unknownOutcome(entry: Entry, cause: unknown): StateError<"OUTCOME_UNKNOWN"> {
  const retryable = "commit" in entry && entry.commit.writes.every((write) => write.op === "save");
  const advice = retryable ? "retry it with the same event ids" : "read before you retry";
  return new StateError("OUTCOME_UNKNOWN", `it is not known whether the write took effect: ${advice}`, {
    details: isStateError(cause, "OUTCOME_UNKNOWN") ? cause.details : {},
    cause,
    retryable,
  });
}
