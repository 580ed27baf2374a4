import { randomBytes } from "node:crypto";
import { afterAll, describe, test } from "vitest";
import { conformanceTests, type Harness } from "../../conformance/index.js";
import { openMemory } from "../../drivers/memory/index.js";
import { createStore } from "../../src/index.js";
import { encrypting } from "../../src/layers/index.js";
import { CASE_MS } from "../conformance/case-limit.js";
import { isSoak } from "../soak.js";

const kek = { name: "kek", key: randomBytes(32) };

for (const per of ["tenant", "session"] as const) {
  const harness: Harness = {
    name: `memory, sealed with a key per ${per}`,
    open: async (_, options) =>
      createStore(await openMemory(), { ...options, layers: [encrypting({ keys: { current: kek }, per })] }),
  };
  for (const beside of isSoak ? [false, true] : [false])
    conformanceTests({ describe, test, afterAll }, harness, { beside, timeoutMs: CASE_MS });
}
