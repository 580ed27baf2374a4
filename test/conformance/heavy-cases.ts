import { cases } from "groundstate/conformance";
import { isSoak } from "../soak.js";

/** What asks much of a server and tells little of its driver that memory and SQLite have not told of the store. */
const HEAVY = [
  "limits/largest-payload",
  "large-commit/one-step",
  "large-commit/refused-whole",
  "list/more-than-ten-thousand",
  "bytes/shorter-and-longer",
  "concurrency/reads-begun-before",
  "idempotency/thousands-of-ids",
];

/** All cases in the soak, and in a short run those that are not heavy. */
export const LIGHT_CASES: readonly string[] = cases
  .map(({ id }) => id)
  .filter((id) => isSoak || !HEAVY.includes(id));
