import type { Operation } from "../typed/operation.js";
import type { LedgerCells } from "./cells.js";
import { writeIn } from "./transact-writes.js";
import type { Work } from "./work.js";

/** Work on a tenant's accounts as part of a unit, where the combiner has no say. */
export function workOperation<R>(cells: LedgerCells, tenant: string, work: Work<R>): Operation<R> {
  return {
    // All work of the tenant changes its total, or reads it.
    turn: cells.totalOf({ tenant }),
    repeatable: work.repeatable,
    apply: (transaction) =>
      writeIn(transaction, async (writes) => {
        await Promise.all(work.reads.map((cell) => writes.get(cell)));
        return work.apply(writes);
      }),
  };
}
