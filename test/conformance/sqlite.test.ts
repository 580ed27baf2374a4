import { conformanceTests } from "groundstate/conformance";
import { afterAll, describe, test } from "vitest";
import { isSoak } from "../soak.js";
import { CASE_MS } from "./case-limit.js";
import harness, { removeFolder } from "./sqlite-harness.mjs";

const modulePath = new URL("./sqlite-harness.mjs", import.meta.url).href;

afterAll(removeFolder);

conformanceTests({ describe, test, afterAll }, harness, { typed: true, timeoutMs: CASE_MS });

// Beside another's data sqlite-inline.test.ts runs over the same files.
for (const beside of isSoak ? [false, true] : [false])
  conformanceTests({ describe, test, afterAll }, harness, { modulePath, beside, timeoutMs: CASE_MS });
