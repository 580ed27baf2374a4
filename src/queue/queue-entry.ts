import type { Commit, Outcome } from "../contract/driver.js";
import { isStateError, StateError } from "../contract/errors.js";
import { payloadBytes } from "../rules/payload-bytes.js";
import { type CommitKeys, commitKeys } from "../rules/slot-key.js";
import type { CallTime } from "../timing/call-time.js";
import type { CallersPayloads } from "./callers-payloads.js";
import { outcomeFault } from "./outcome-fault.js";
import type { TimedWaiter } from "./wait-limit.js";

/** The weight of an erase, in bytes: it may remove many records. */
const ERASE_BYTES = 32 * 1024;
/** The weight of a write beside its payload, in bytes. */
const WRITE_BYTES = 1024;

/** Payloads that are still in the caller's memory. */
export type Payloads = Pick<CallersPayloads, "seal" | "copy">;

/** A commit in the queue, with its caller's promise. */
export class Entry implements TimedWaiter {
  readonly commit: Commit;
  readonly bytes: number;
  readonly weight: number;
  readonly time: CallTime;
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (reason: unknown) => void;
  removeAbortListener: () => void = nothing;
  cancelDeadline: () => void = nothing;
  /** Called once, when the entry is settled. */
  readonly onSettled: (entry: Entry, wasSent: boolean) => void;
  /** To be copied once there is room. */
  readonly payloads: Payloads | undefined;
  state: "waiting" | "sent" | "settled" = "waiting";
  holdsRoom = false;
  /** Its payloads are copied and fingerprinted: it can be sent. */
  isReady = false;
  /** An attempt ended with an unknown outcome. */
  inDoubt = false;
  /** Other batches may not start with commits that share keys with it, and its keys are noted for that. */
  holdsKeys = false;
  /** It was sent a second time because of that. */
  wasResent = false;
  /** The driver has said what became of it: applied, or refused because of what is stored. */
  isAnswered = false;
  /** The driver has set it aside: resolves when its own outcome, which comes after its batch's, is delivered. */
  aside: Promise<void> | undefined;
  #keys: CommitKeys | undefined;

  constructor(
    commit: Commit,
    time: CallTime,
    resolve: (outcome: Outcome) => void,
    reject: (reason: unknown) => void,
    onSettled: (entry: Entry, wasSent: boolean) => void,
    payloads: Payloads | undefined,
  ) {
    this.commit = commit;
    this.bytes = payloadBytes(commit);
    let weight = this.bytes;
    for (const { op } of commit.writes) weight += op === "erase" ? ERASE_BYTES : WRITE_BYTES;
    this.weight = weight;
    this.time = time;
    this.resolve = resolve;
    this.reject = reject;
    this.onSettled = onSettled;
    this.payloads = payloads;
  }

  get tenant(): string {
    return this.commit.tenant;
  }

  get writes(): number {
    return this.commit.writes.length;
  }

  get isSettled(): boolean {
    return this.state === "settled";
  }

  /** Computed on first use: with one batch at a time they are hardly needed. */
  get keys(): CommitKeys {
    this.#keys ??= commitKeys(this.commit);
    return this.#keys;
  }
}

function nothing(): void {}

/** Gives an outcome to the caller. If the outcome is invalid or unknown, returns the error instead, and settles nothing. */
export function deliver(entry: Entry, outcome: Outcome | undefined): unknown {
  const fault = outcomeFault(outcome, entry.commit);
  if (fault !== undefined || outcome === undefined)
    return new TypeError(`the driver's outcome has the wrong shape: ${fault}`);
  if (outcome.is !== "failed") {
    entry.isAnswered = true;
    settle(entry)?.resolve(outcome);
  } else if (isStateError(outcome.error, "OUTCOME_UNKNOWN")) return outcome.error;
  else rejectEntry(entry, outcome.error);
  return undefined;
}

/** Rejects a commit. After one attempt with an unknown outcome, a later refusal does not prove that nothing was written. */
export function rejectEntry(entry: Entry, error: unknown): void {
  settle(entry)?.reject(isStateError(error) && !entry.inDoubt ? error : unknownOutcome(entry, error));
}

/** Marks an entry settled. Returns it the first time and `undefined` after that, so that a caller gets one answer. */
export function settle(entry: Entry): Entry | undefined {
  if (entry.state === "settled") return undefined;
  const wasSent = entry.state === "sent";
  entry.state = "settled";
  entry.removeAbortListener();
  entry.cancelDeadline();
  entry.onSettled(entry, wasSent);
  return entry;
}

export function unknownOutcome(entry: Entry, cause: unknown): StateError<"OUTCOME_UNKNOWN"> {
  const retryable = entry.commit.writes.every((write) => write.op === "save");
  const advice = retryable ? "retry it with the same event ids" : "read before you retry";
  return new StateError("OUTCOME_UNKNOWN", `it is not known whether the write took effect: ${advice}`, {
    details: isStateError(cause, "OUTCOME_UNKNOWN") ? cause.details : {},
    cause,
    retryable,
  });
}
