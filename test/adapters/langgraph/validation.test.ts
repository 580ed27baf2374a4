import { deltaChannelHistoryTests, specTest } from "@langchain/langgraph-checkpoint-validation";
import * as vitest from "vitest";
import { GroundstateSaver } from "../../../src/adapters/langgraph/index.js";
import { newEventId } from "../../../src/index.js";
import { onEveryStore } from "../../typed/stores.js";

const { describe, it, test, expect, beforeAll, beforeEach, afterAll, afterEach } = vitest;
// The suite takes them from there.
Object.assign(globalThis, { describe, it, test, expect, beforeAll, beforeEach, afterAll, afterEach });

onEveryStore((opened) => {
  const initializer = {
    checkpointerName: "groundstate/langgraph",
    // Each one sees nothing of the others.
    createCheckpointer: () =>
      new GroundstateSaver(opened.store, { owner: { tenant: `tenant-${newEventId()}`, user: "ann" } }),
  };
  specTest(initializer);
  deltaChannelHistoryTests(initializer);
});
