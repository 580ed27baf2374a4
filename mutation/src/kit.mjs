import { conformanceTests } from "../../conformance/index.ts";
import { openMemory } from "../../drivers/memory/index.ts";
import { createStore } from "../../src/index.ts";
import { afterAll, describe, test } from "./vitest.mjs";

const harness = { name: "memory", open: async (_, options) => createStore(await openMemory(), options) };

conformanceTests({ describe, test, afterAll }, harness, { timeoutMs: 60_000 });
