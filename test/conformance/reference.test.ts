import { afterAll, describe, test } from "vitest";
import { conformanceTests, referenceHarness } from "../../conformance/index.js";
import { CASE_MS } from "./case-limit.js";

for (const beside of [false, true])
  conformanceTests({ describe, test, afterAll }, referenceHarness, { beside, timeoutMs: CASE_MS });
