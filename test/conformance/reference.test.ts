import { afterAll, describe, test } from "vitest";
import { conformanceTests, referenceHarness } from "../../conformance/index.js";

conformanceTests({ describe, test, afterAll }, referenceHarness);
