import { abortCases } from "../cases/abort.js";
import { bytesCases } from "../cases/bytes.js";
import { closeCases } from "../cases/close.js";
import { commitCases } from "../cases/commit.js";
import { commitEraseCases } from "../cases/commit-erase.js";
import { concurrencyCases } from "../cases/concurrency.js";
import { conditionCases } from "../cases/conditions.js";
import { countCases } from "../cases/count.js";
import { damageCases } from "../cases/damage.js";
import { deleteCases } from "../cases/delete.js";
import { durabilityCases } from "../cases/durability.js";
import { eraseCases } from "../cases/erase.js";
import { erasePrefixCases } from "../cases/erase-prefix.js";
import { errorCases } from "../cases/errors.js";
import { eventIdOrderCases } from "../cases/event-id-orders.js";
import { eventMemoryCases } from "../cases/event-memory.js";
import { eventCases } from "../cases/events.js";
import { everyStateCases } from "../cases/every-state.js";
import { freshReadCases } from "../cases/fresh-reads.js";
import { idempotencyCases } from "../cases/idempotency.js";
import { identityCases } from "../cases/identity.js";
import { isolationCases } from "../cases/isolation.js";
import { largeCommitCases } from "../cases/large-commit.js";
import { largeEraseCases } from "../cases/large-erase.js";
import { largeErasePrefixCases } from "../cases/large-erase-prefix.js";
import { limitCases } from "../cases/limits.js";
import { listCases } from "../cases/list.js";
import { listHeaderCases } from "../cases/list-headers.js";
import { listKindCases } from "../cases/list-kind.js";
import { listSessionsCases } from "../cases/list-sessions.js";
import { misuseCases } from "../cases/misuse.js";
import { neighbourCases } from "../cases/neighbours.js";
import { orderCases } from "../cases/order.js";
import { processCases } from "../cases/processes.js";
import { saveCases } from "../cases/save.js";
import { statusCases } from "../cases/status.js";
import { storeCases } from "../cases/stores.js";
import { watchCases } from "../cases/watch.js";
import { watchLoopCases } from "../cases/watch-loop.js";
import { windowCases } from "../cases/window.js";
import type { ConformanceCase } from "../harness/case.js";
import { typedCases } from "../typed/index.js";

/** Every rule of the contract that a store can break, misuse first and races last. */
export const cases: readonly ConformanceCase[] = [
  ...misuseCases,
  ...limitCases,
  ...identityCases,
  ...saveCases,
  ...bytesCases,
  ...idempotencyCases,
  ...eventMemoryCases,
  ...eventIdOrderCases,
  ...windowCases,
  ...conditionCases,
  ...commitCases,
  ...commitEraseCases,
  ...deleteCases,
  ...everyStateCases,
  ...eventCases,
  ...listCases,
  ...listHeaderCases,
  ...countCases,
  ...listKindCases,
  ...listSessionsCases,
  ...orderCases,
  ...eraseCases,
  ...erasePrefixCases,
  ...largeEraseCases,
  ...largeCommitCases,
  ...largeErasePrefixCases,
  ...isolationCases,
  ...errorCases,
  ...damageCases,
  ...abortCases,
  ...closeCases,
  ...watchCases,
  ...watchLoopCases,
  ...statusCases,
  ...concurrencyCases,
  ...freshReadCases,
  ...neighbourCases,
  ...durabilityCases,
  ...storeCases,
  ...processCases,
];

export { typedCases };

/** The rules of the contract, or those of the typed layer. */
export function suiteOf(typed: boolean | undefined): readonly ConformanceCase[] {
  return typed ? typedCases : cases;
}
