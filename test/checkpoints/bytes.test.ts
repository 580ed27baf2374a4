import { expect, test } from "vitest";
import "../../drivers/index.js";
import { createCheckpoints } from "../../src/checkpoints/index.js";
import { openStore, type SessionIdentity, type StateStore } from "../../src/index.js";
import { newSession } from "../typed/stores.js";

const COUNT = 100;
const VALUE_BYTES = 2048;

/** The payloads of all records of a session, in bytes. */
async function storedBytes(store: StateStore, who: SessionIdentity): Promise<number> {
  const records = await store.list(who, "");
  return records.reduce((sum, { bytes }) => sum + bytes.length, 0);
}

test.each([
  { channels: 50, changes: "the same channel" },
  { channels: 50, changes: "one channel after the other" },
  { channels: 300, changes: "one channel after the other" },
])(
  "100 checkpoints of $channels channels of 2 KiB, of which $changes changes, take under 1.2 times the changed values",
  async ({ channels, changes }) => {
    const store = await openStore("memory:");
    const saved = createCheckpoints<string>(store);
    const who = newSession();
    const value = (channel: number, step: number) => `${channel} ${step} `.padEnd(VALUE_BYTES - 2, "x");
    const values: Record<string, string> = {};
    let changed = 0;
    for (let step = 0; step < COUNT; step++) {
      const which = changes === "the same channel" ? 0 : step % channels;
      for (let channel = 0; channel < channels; channel++)
        if (step === 0 || channel === which) {
          values[`channel-${channel}`] = value(channel, step);
          changed += VALUE_BYTES;
        }
      const metadata = { source: "loop", step, writes: { agent: null } };
      const parent = step > 0 && { parent: `c-${step - 1}` };
      await saved.put(who, { lineage: "thread", id: `c-${step}`, ...parent, values, metadata });
    }
    const ratio = (await storedBytes(store, who)) / changed;
    expect(ratio).toBeLessThan(1.2);
    // The values alone take 1, so what is counted is all of them.
    expect(ratio).toBeGreaterThan(1);
    expect((await saved.latest(who, { lineage: "thread" }))?.values).toEqual(values);
  },
);
