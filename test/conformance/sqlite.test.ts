import { conformanceTests } from "groundstate/conformance";
import { afterAll, describe, test } from "vitest";
import harness, { removeFolder } from "./sqlite-harness.mjs";

afterAll(removeFolder);

conformanceTests({ describe, test }, harness, {
  modulePath: new URL("./sqlite-harness.mjs", import.meta.url).href,
});
