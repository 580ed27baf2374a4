import { afterAll, describe, test } from "vitest";
import { conformanceTests, referenceHarness } from "../../conformance/index.js";
import { CASE_MS } from "./case-limit.js";
import { SOME_CASES } from "./some-cases.js";

for (const beside of [false, true])
  conformanceTests({ describe, test, afterAll }, referenceHarness, {
    beside,
    timeoutMs: CASE_MS,
    ...(beside ? SOME_CASES : {}),
  });
