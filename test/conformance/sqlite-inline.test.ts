import { conformanceTests } from "groundstate/conformance";
import { afterAll, describe, test } from "vitest";
import { removeFolder } from "./sqlite-harness.mjs";
import harness from "./sqlite-inline-harness.mjs";

afterAll(removeFolder);

conformanceTests({ describe, test }, harness, {
  modulePath: new URL("./sqlite-inline-harness.mjs", import.meta.url).href,
});
