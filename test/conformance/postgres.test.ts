import { conformanceTests } from "groundstate/conformance";
import { afterAll, describe, test } from "vitest";
import { createDatabase } from "../postgres/database.js";
import { isSoak } from "../soak.js";
import { CASE_MS } from "./case-limit.js";
import { SOME_CASES } from "./some-cases.js";

const database = await createDatabase();
process.env.GROUNDSTATE_HARNESS_POSTGRES = database.url;
const { default: harness } = await import("./postgres-harness.mjs");
const modulePath = new URL("./postgres-harness.mjs", import.meta.url).href;

afterAll(() => database.drop());

conformanceTests({ describe, test, afterAll }, harness, { modulePath, timeoutMs: CASE_MS });

conformanceTests({ describe, test, afterAll }, harness, { typed: true, timeoutMs: CASE_MS });

// Processes take their time, and another's data makes little difference to them.
conformanceTests({ describe, test, afterAll }, harness, {
  beside: true,
  timeoutMs: CASE_MS,
  ...SOME_CASES,
  ...(isSoak ? { modulePath } : {}),
});
