import { cases, conformanceTests, type Harness } from "groundstate/conformance";
import { afterAll, describe, test } from "vitest";
import { CASE_MS } from "../conformance/case-limit.js";
import { isSoak, sampleOf } from "../soak.js";

/** In a short run so many cases are left out for each that is run. */
const STEP = 40;

/** Declares the conformance suite on an example's driver: all cases in a soak, some of them in a short run. */
export function passesConformance(harness: Harness, modulePath: string): void {
  const chosen = isSoak
    ? cases
    : sampleOf(
        cases.filter(({ needs }) => needs === undefined),
        STEP,
      );
  const only = chosen.map(({ id }) => id);
  conformanceTests({ describe, afterAll, test }, harness, { modulePath, timeoutMs: CASE_MS, only });
}
