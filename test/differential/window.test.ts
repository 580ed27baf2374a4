import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { onTestFinished, test } from "vitest";
import { createStore } from "../../src/driver-store.js";
import { runScript } from "./perform.js";
import { assertProperty } from "./replay.js";
import { type Script, scripts } from "./script.js";
import { openDrivers } from "./stores.js";

/** Clocks may tick coarsely, and the database's is not this process's. */
const MARGIN_MS = 300;

class TooSlow extends Error {}

/**
 * Scripts run side by side, so that one wait serves them all. The model takes a phase for one moment, and it is one
 * only if it took less than the window: a machine that is slower gets a longer window.
 */
test("every store forgets what the model forgets, as the window passes for real", async () => {
  let marks = 0;
  const together = fc.array(
    scripts(() => `#${++marks}`, 12, 3),
    { minLength: 12, maxLength: 12 },
  );
  const property = fc.asyncProperty(together, async (scripts) => {
    for (let window = 1500; ; window *= 2) {
      try {
        return await runAll(scripts, window);
      } catch (error) {
        if (!(error instanceof TooSlow) || window > 10_000) throw error;
      }
    }
  });
  await assertProperty(property, 1);
}, 120_000);

async function runAll(scripts: readonly Script[], window: number): Promise<void> {
  const { drivers, clean } = await openDrivers();
  onTestFinished(clean);
  const stores = drivers.map(({ name, driver }) => ({
    name,
    store: createStore(driver, { layers: driver.layers ?? [], idempotencyWindowMs: window }),
  }));
  const phases = new Phases(scripts.length, window);
  try {
    await Promise.all(scripts.map((script) => runScript(script, stores, () => phases.next())));
  } catch (error) {
    throw phases.isTooSlow() ? new TooSlow("a phase took longer than the window", { cause: error }) : error;
  } finally {
    await Promise.all(stores.map(({ store }) => store.close()));
  }
  if (phases.isTooSlow()) throw new TooSlow("a phase took longer than the window");
}

/** All scripts end a phase together; then the window passes. */
class Phases {
  readonly #scripts: number;
  readonly #window: number;
  #arrived: (() => void)[] = [];
  #began = performance.now();
  #wasTooSlow = false;

  constructor(scripts: number, window: number) {
    this.#scripts = scripts;
    this.#window = window;
  }

  next(): Promise<void> {
    const all = new Promise<void>((resolve) => this.#arrived.push(resolve));
    if (this.#arrived.length === this.#scripts) void this.#pass(this.#arrived.splice(0));
    return all;
  }

  isTooSlow(): boolean {
    return this.#wasTooSlow || performance.now() - this.#began >= this.#window;
  }

  async #pass(arrived: readonly (() => void)[]): Promise<void> {
    this.#wasTooSlow = this.isTooSlow();
    await sleep(this.#window + MARGIN_MS);
    this.#began = performance.now();
    for (const resolve of arrived) resolve();
  }
}
