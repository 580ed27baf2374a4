import { afterAll, describe, test } from "vitest";
import { conformanceTests, type Harness, typedCases } from "../../conformance/index.js";
import { openMemory } from "../../drivers/memory/index.js";
import { createStore } from "../../src/index.js";
import { sampleOf } from "../soak.js";
import { CASE_MS } from "./case-limit.js";
import { SOME_CASES } from "./some-cases.js";

const harness: Harness = {
  name: "memory",
  open: async (_, options) => createStore(await openMemory(), options),
};

const TYPED = typedCases.map(({ id }) => id);

for (const typed of [false, true])
  for (const beside of [false, true])
    conformanceTests({ describe, test, afterAll }, harness, {
      typed,
      beside,
      timeoutMs: CASE_MS,
      ...(beside ? (typed ? { only: sampleOf(TYPED, 2) } : SOME_CASES) : {}),
    });
