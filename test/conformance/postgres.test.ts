import { conformanceTests, typedCases } from "groundstate/conformance";
import { afterAll, describe, test } from "vitest";
import { createMigratedDatabase } from "../postgres/database.js";
import { isSoak, sampleOf } from "../soak.js";
import { CASE_MS } from "./case-limit.js";
import { LIGHT_CASES } from "./heavy-cases.js";

const database = await createMigratedDatabase();
process.env.GROUNDSTATE_HARNESS_POSTGRES = database.url;
const { default: harness, removeSpaces } = await import("./postgres-harness.mjs");
const modulePath = new URL("./postgres-harness.mjs", import.meta.url).href;

afterAll(async () => {
  await removeSpaces();
  await database.drop();
});

conformanceTests({ describe, test, afterAll }, harness, {
  modulePath,
  timeoutMs: CASE_MS,
  only: LIGHT_CASES,
});

// The wrappers make the same calls on every store: all of these run in memory, and in a short run half of them on SQLite.
conformanceTests({ describe, test, afterAll }, harness, {
  typed: true,
  timeoutMs: CASE_MS,
  only: sampleOf(
    typedCases.map(({ id }) => id),
    4,
  ),
});

// Processes take their time, and another's data makes little difference to them.
conformanceTests({ describe, test, afterAll }, harness, {
  beside: true,
  timeoutMs: CASE_MS,
  ...(isSoak ? {} : { only: ["erase-prefix/", "list-kind/"] }),
  ...(isSoak ? { modulePath } : {}),
});
