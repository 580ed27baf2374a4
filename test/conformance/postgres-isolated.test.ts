import { conformanceTests } from "groundstate/conformance";
import { afterAll, describe, test } from "vitest";
import { createIsolatedDatabase } from "../postgres/isolated.js";
import { isSoak, sampleOf } from "../soak.js";
import { CASE_MS } from "./case-limit.js";
import { LIGHT_CASES } from "./heavy-cases.js";

const database = await createIsolatedDatabase();
process.env.GROUNDSTATE_HARNESS_POSTGRES = database.url;
process.env.GROUNDSTATE_HARNESS_ISOLATED = JSON.stringify(database.config);
const { default: harness, removeSpaces } = await import("./postgres-harness.mjs");
const modulePath = new URL("./postgres-harness.mjs", import.meta.url).href;

afterAll(async () => {
  await removeSpaces();
  await database.drop();
});

/** What a statement's tenant decides: all of it in the soak. */
const SOME = ["isolation/", "list-kind/", "erase/"];
const CASES = LIGHT_CASES.filter((id) => SOME.some((part) => id.startsWith(part)));
const only = isSoak ? {} : { only: [...sampleOf(CASES, 3), "window/from-the-save", "commit/all-or-nothing"] };

conformanceTests({ describe, test, afterAll }, harness, {
  timeoutMs: CASE_MS,
  ...only,
  ...(isSoak ? { modulePath } : {}),
});

if (isSoak) {
  conformanceTests({ describe, test, afterAll }, harness, { typed: true, timeoutMs: CASE_MS });
  conformanceTests({ describe, test, afterAll }, harness, { beside: true, timeoutMs: CASE_MS, modulePath });
}
