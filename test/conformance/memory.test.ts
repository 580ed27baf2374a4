import { afterAll, describe, test } from "vitest";
import { conformanceTests } from "../../conformance/index.js";
import { openMemory } from "../../drivers/memory/index.js";
import { createStore } from "../../src/index.js";

conformanceTests(
  { describe, test, afterAll },
  { name: "memory", open: async (_, options) => createStore(await openMemory(), options) },
);
