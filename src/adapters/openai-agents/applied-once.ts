import { isStateError, StateError } from "../../contract/errors.js";
import type { SessionIdentity } from "../../contract/store.js";
import { compareText } from "../../rules/order.js";
import { cellAt } from "../../typed/cell.js";
import { json } from "../../typed/index.js";
import type { JsonValue } from "../../typed/json-value.js";
import { digestOf } from "../../typed/names.js";
import type { Unit } from "../../typed/together/unit.js";

const CODEC = json<JsonValue>();

/**
 * Whether this is the first time that a unit applies a transaction of this id, which it then remembers. The memory is that of the
 * event ids of the store. IDEMPOTENCY_CONFLICT if the id stands for another transaction.
 */
export function appliedOnce(
  unit: Unit,
  owner: SessionIdentity,
  id: string,
  transaction: JsonValue,
): Promise<boolean> {
  const last = cellAt(owner, "openai-agents.applied", CODEC);
  const history = historyCell(owner);
  return unit.run({
    turn: last,
    repeatable: true,
    async apply(reads) {
      const cleared = String((await reads.get(history)) ?? 0);
      const eventId = digestOf("openai-agents", owner.user, owner.session, cleared, id);
      const content = digestOf(JSON.stringify(transaction, inOrder));
      try {
        if (await reads.isKnown(last, content, eventId)) return false;
      } catch (error) {
        throw isStateError(error, "IDEMPOTENCY_CONFLICT") ? otherTransaction(error) : error;
      }
      await reads.set(last, content, eventId);
      return true;
    },
  });
}

/** Lets the ids of transactions of a history that is cleared stand for others. */
export function forgetApplied(unit: Unit, owner: SessionIdentity): Promise<void> {
  const history = historyCell(owner);
  return unit.run({
    turn: history,
    repeatable: false,
    async apply(transaction) {
      await transaction.set(history, (((await transaction.get(history)) as number) ?? 0) + 1);
    },
  });
}

/** How often the history was cleared. */
function historyCell(owner: SessionIdentity) {
  return cellAt(owner, "openai-agents.cleared", CODEC);
}

function otherTransaction(cause: StateError<"IDEMPOTENCY_CONFLICT">): StateError {
  const message = "the operationId stands for another transaction";
  return new StateError("IDEMPOTENCY_CONFLICT", message, { cause, details: cause.details });
}

/** The same JSON has the same text, whatever the order of its fields. */
function inOrder(_: string, value: JsonValue): JsonValue {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([one], [other]) => compareText(one, other)));
}
