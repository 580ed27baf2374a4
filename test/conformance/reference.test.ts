import { afterAll, describe, test } from "vitest";
import { conformanceTests, referenceHarness } from "../../conformance/index.js";
import { isSoak } from "../soak.js";
import { CASE_MS } from "./case-limit.js";

// What lies beside changes little for a driver that is not a product's: most of that is left to the soak.
const SOME = ["isolation/", "erase", "list-kind/", "commit/"];

for (const beside of [false, true])
  conformanceTests({ describe, test, afterAll }, referenceHarness, {
    beside,
    timeoutMs: CASE_MS,
    ...(beside && !isSoak ? { only: SOME } : {}),
  });
