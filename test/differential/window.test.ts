import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { onTestFinished, test } from "vitest";
import type { Script } from "../../conformance/histories/script.js";
import type { Step } from "../../conformance/histories/step.js";
import { createStore } from "../../src/store/driver-store.js";
import { isSoak } from "../soak.js";
import { assertProperty } from "./replay.js";
import { scripts } from "./scripts.js";
import { asked, openDrivers } from "./stores.js";

/** Scripts that run side by side. */
const MANY = isSoak ? 12 : 6;

/** Clocks may tick coarsely, and the database's is not this process's. */
const MARGIN_MS = 300;

class TooSlow extends Error {}

/**
 * Scripts run side by side, so that one wait serves them all. The model takes a phase for one moment, and it is one
 * only if it took less than the window: a machine that is slower gets a longer window.
 */
test("every store forgets what the model forgets, as the window passes for real", async () => {
  let marks = 0;
  const script = scripts(() => `#${++marks}`, isSoak ? 12 : 8, 3).map(onItsOwn);
  const together = fc.array(script, { minLength: MANY, maxLength: MANY });
  const property = fc.asyncProperty(together, async (scripts) => {
    for (let window = 1500; ; window *= 2) {
      try {
        return await runAll(scripts, window);
      } catch (error) {
        if (!(error instanceof TooSlow) || window > 10_000) throw error;
      }
    }
  });
  // Each step of shrinking would wait for the window again.
  await assertProperty(property, 1, { endOnFailure: true });
}, 120_000);

/**
 * Without scans across tenants, which would see what the scripts beside it have stored, and with one commit after
 * another. Of commits made at once only those that share a slot or an id have an order, and past the window others
 * meet too: a save of an id waits for whoever overwrites the record that has kept it seen.
 */
function onItsOwn({ world, steps }: Script): Script {
  return {
    world,
    steps: steps.flatMap((step): readonly Step[] => {
      if (step.ask === "together") return step.commits.map((changes) => ({ ask: "commit", changes }));
      return step.ask === "listKind" && step.tenant === undefined ? [] : [step];
    }),
  };
}

async function runAll(scripts: readonly Script[], window: number): Promise<void> {
  const { drivers, clean } = await openDrivers();
  onTestFinished(clean);
  const stores = drivers.map(({ name, driver }) => ({
    name,
    store: createStore(driver, { layers: driver.layers ?? [], idempotencyWindowMs: window }),
  }));
  const phases = new Phases(scripts.length * stores.length, window);
  try {
    const next = () => phases.next();
    await Promise.all(scripts.flatMap((script) => stores.map((store) => asked(script, store, next))));
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
