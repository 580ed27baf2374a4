import { afterAll, describe, test } from "vitest";
import { conformanceTests, referenceHarness } from "../../conformance/index.js";

for (const beside of [false, true])
  conformanceTests({ describe, test, afterAll }, referenceHarness, { beside });
