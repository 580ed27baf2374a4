import { conformanceTests } from "groundstate/conformance";
import { afterAll, describe, test } from "vitest";
import { createDatabase } from "../postgres/database.js";

const database = await createDatabase();
process.env.GROUNDSTATE_HARNESS_POSTGRES = database.url;
const { default: harness } = await import("./postgres-harness.mjs");

afterAll(() => database.drop());

conformanceTests({ describe, test }, harness, {
  modulePath: new URL("./postgres-harness.mjs", import.meta.url).href,
});
