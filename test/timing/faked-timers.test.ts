import { join } from "node:path";
import { afterEach, describe, expect, onTestFinished, test, vi } from "vitest";
import "../../drivers/index.js";
import * as approvals from "../../src/approvals/index.js";
import * as groundstate from "../../src/index.js";
import * as ledger from "../../src/ledger/index.js";
import * as sessions from "../../src/sessions/index.js";
import { folder } from "../drivers/sqlite-rig.js";
import { node, ROOT } from "../package/installed.js";
import { createMigratedDatabase } from "../postgres/database.js";
import { sampleOf } from "../soak.js";
import { runScenario } from "./faked-scenario.mjs";

const PROGRAM = new URL("faked-timers.mjs", import.meta.url).pathname;

const URLS: Readonly<Record<string, () => Promise<string>>> = {
  memory: async () => "memory:",
  sqlite: async () => `sqlite:${join(folder(), "state.db")}`,
  async postgres() {
    const { url, drop } = await createMigratedDatabase();
    onTestFinished(drop);
    return url;
  },
};
const DRIVERS = Object.entries(URLS).map(([driver, url]) => ({ driver, url }));

describe("a program that fakes its timers", () => {
  const fakes = DRIVERS.slice(1).flatMap((driver) =>
    ["still", "node:test"].flatMap((faker) =>
      ["before", "after"].map((when) => ({ ...driver, faker, when })),
    ),
  );

  test.each(sampleOf(fakes, 3))(
    "with $faker, $when the import, is not held up by $driver",
    async ({ url, faker, when }) => {
      expect((await node([PROGRAM, faker, when, await url()], ROOT)).out).toMatch(/^done$/m);
    },
  );
});

const CLOCKS = ["setInterval", "clearInterval", "queueMicrotask", "performance", "hrtime", "Date"] as const;
/** All but nextTick, which Vitest refuses to fake in processes. */
const ALL = [...CLOCKS, "setTimeout", "clearTimeout", "setImmediate", "clearImmediate"] as const;

describe("the fake timers of Vitest", () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  test.each(DRIVERS)("hold up nothing in $driver", async ({ driver, url }) => {
    const at = await url();
    vi.useFakeTimers({ toFake: driver === "postgres" ? [...CLOCKS] : [...ALL], now: 0 });
    await runScenario({ ...groundstate, ...approvals, ...ledger, ...sessions }, at);
  });
});
