import type { Applied, Commit, Outcome } from "../contract/driver.js";
import { isStateError, StateError } from "../contract/errors.js";
import { payloadBytes } from "../rules/payload-bytes.js";
import { type CommitKeys, commitKeys } from "../rules/slot-key.js";
import type { CallTime } from "../timing/call-time.js";
import type { CallersPayloads } from "./callers-payloads.js";
import type { TimedWaiter } from "./wait-limit.js";

/** What an erase costs, in bytes: it may remove many records. */
const ERASE_BYTES = 32 * 1024;
/** What a write costs beside its payload, in bytes. */
const WRITE_BYTES = 1024;

/** Payloads that are the caller's. */
export type Payloads = Pick<CallersPayloads, "seal" | "own">;

/** A commit, and who waits for it. */
export class Entry implements TimedWaiter {
  readonly commit: Commit;
  readonly bytes: number;
  readonly weight: number;
  readonly time: CallTime;
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (reason: unknown) => void;
  /** Dequeues the caller's abort listener. */
  release: () => void = () => {};
  /** Calls off what happens when the call is over. */
  callOff: () => void = () => {};
  /** What is to be done once it is settled. */
  readonly onSettled: (entry: Entry, wasSent: boolean) => void;
  /** To be made its own once there is room. */
  readonly payloads: Payloads | undefined;
  state: "waiting" | "sent" | "settled" = "waiting";
  /** It holds room in the queue. */
  isIn = false;
  /** Its payloads are its own and fingerprinted: it can be sent. */
  isReady = false;
  /** A try ended without saying whether it was written. */
  inDoubt = false;
  /** It was sent once more because of that. */
  sentOnceMore = false;
  /** The driver set it aside: its outcome comes later than its batch's, and is passed on by then. */
  aside: Promise<void> | undefined;
  #keys: CommitKeys | undefined;

  constructor(
    commit: Commit,
    time: CallTime,
    { resolve, reject, onSettled }: Pick<Entry, "resolve" | "reject" | "onSettled">,
    payloads?: Payloads,
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

  get isGone(): boolean {
    return this.state === "settled";
  }

  /** Made when first asked for: where one batch is under way at a time, hardly anybody asks. */
  get keys(): CommitKeys {
    this.#keys ??= commitKeys(this.commit);
    return this.#keys;
  }
}

/** Whether a driver's answer is one that a commit can have. */
function fits(outcome: Outcome | undefined, { commit }: Entry): outcome is Outcome {
  const isWrite = (index: number) => Number.isInteger(index) && commit.writes[index] !== undefined;
  switch (outcome?.is) {
    case "applied":
      return (
        Array.isArray(outcome.existed) &&
        outcome.existed.length === commit.writes.length &&
        counts(outcome, commit)
      );
    case "conflict":
      return isWrite(outcome.write);
    case "condition":
      return isWrite(outcome.write) && (outcome.current === null || typeof outcome.current === "string");
    default:
      return outcome?.is === "duplicate" || outcome?.is === "failed";
  }
}

/** Whether it says of each erase how many records it removed. */
function counts({ erased = [] }: Applied, { writes }: Commit): boolean {
  const erases = writes.filter(({ op }) => op === "erase").length;
  return Array.isArray(erased) && erased.length === erases && erased.every(Number.isSafeInteger);
}

/** Passes an outcome on; where it does not say what became of the commit, the error that is left instead. */
export function deliver(entry: Entry, outcome: Outcome | undefined): unknown {
  if (!fits(outcome, entry)) return new Error("the driver gave an outcome that is none");
  if (outcome.is !== "failed") settle(entry)?.resolve(outcome);
  else if (isStateError(outcome.error, "OUTCOME_UNKNOWN")) return outcome.error;
  else refuse(entry, outcome.error);
  return undefined;
}

/** Rejects a commit. While a try of it is in doubt, a later one that wrote nothing does not say that nothing was written. */
export function refuse(entry: Entry, error: unknown): void {
  settle(entry)?.reject(isStateError(error) && !entry.inDoubt ? error : unknownOutcome(entry, error));
}

/** Marks an entry settled; `undefined` when it already was. */
export function settle(entry: Entry): Entry | undefined {
  if (entry.state === "settled") return undefined;
  const wasSent = entry.state === "sent";
  entry.state = "settled";
  entry.release();
  entry.callOff();
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
