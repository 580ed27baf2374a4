import type { Commit, Outcome, Write } from "../contract/driver.js";
import { StateError } from "../contract/errors.js";
import type { CommitReceipt } from "../contract/store.js";
import { identityOf } from "../identity/identity.js";
import { slotOf } from "../rules/decide.js";

/** The outcome of a commit that has taken effect, now or (`duplicate`) when it was made before. */
export type Accepted = Extract<Outcome, { readonly is: "applied" | "duplicate" }>;

/** Returns the outcome of a commit that took effect; throws the StateError of one that did not. */
export function accepted(commit: Commit, outcome: Outcome): Accepted {
  if (outcome.is === "applied" || outcome.is === "duplicate") return outcome;
  throw errorOf(commit, outcome);
}

function errorOf(
  commit: Commit,
  outcome: Extract<Outcome, { is: "conflict" | "condition" | "failed" }>,
): StateError {
  if (outcome.is === "failed") return outcome.error;
  const change = outcome.write;
  if (outcome.is === "conflict") {
    return new StateError(
      "IDEMPOTENCY_CONFLICT",
      `change ${change}: its event id already stands for another write; a new write needs a new event id`,
      { details: { change } },
    );
  }
  const slot = slotOf(commit.writes[change] as Write);
  const { current } = outcome;
  const found = current === null ? "the slot is empty" : "the slot holds another event";
  return new StateError("CONDITION_FAILED", `change ${change}: ${found}`, {
    details: { change, identity: identityOf(slot), kind: slot.kind, current },
  });
}

/** Of an applied commit with deletes: per delete, in order, whether its slot held a record. */
export function deletedOf({ writes }: Commit, outcome: Accepted): Pick<CommitReceipt, "deleted"> {
  if (outcome.is !== "applied") return {};
  const deleted = writes.flatMap(({ op }, index) => (op === "delete" ? outcome.existed[index] === true : []));
  return deleted.length === 0 ? {} : { deleted };
}

export function notFound(message: string): never {
  throw new StateError("NOT_FOUND", message, { details: {} });
}
