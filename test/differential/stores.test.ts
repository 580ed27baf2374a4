import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openMemory } from "../../drivers/memory/index.js";
import type { SessionIdentity } from "../../src/contract/store.js";
import { createStore } from "../../src/store/driver-store.js";
import { isSoak, soak } from "../soak.js";
import { assertProperty } from "./replay.js";
import { scripts } from "./scripts.js";
import { asked, type Drivers, type Named, openDrivers } from "./stores.js";

let opened: Drivers;
let stores: readonly Named[];

beforeAll(async () => {
  opened = await openDrivers();
  stores = opened.drivers.map(({ name, driver }) => ({
    name,
    store: createStore(driver, { layers: driver.layers ?? [], inFlight: name === "postgres" ? 4 : 1 }),
  }));
});

afterAll(async () => {
  await Promise.all(stores.map(({ store }) => store.close()));
  await opened.clean();
});

test(
  "every store answers whatever is asked as the model does",
  async () => {
    let runs = 0;
    let steps = 0;
    const script = scripts(() => `#${++runs}`, 60);
    await assertProperty(
      fc.asyncProperty(script, async (script) => {
        steps += script.steps.length;
        await Promise.all(stores.map((each) => asked(script, each)));
      }),
      isSoak ? 120 : 20,
      // A smaller script of the same world would meet what the one before left.
      { endOnFailure: true },
    );
    if (!process.env.GROUNDSTATE_REPLAY) expect(steps).toBeGreaterThan(isSoak ? 1000 : 200);
  },
  soak(120_000),
);

test("commits that share no slot may take effect in either order, which an erased event id shows", async () => {
  const [tenant, user] = ["t", "u"];
  const [erased, other] = [
    { tenant, user, session: "erased" },
    { tenant, user, session: "other" },
  ];
  const save = (identity: SessionIdentity, text: string) => ({
    op: "save" as const,
    record: {
      identity,
      kind: "k",
      eventId: "e",
      version: 0,
      bytes: Buffer.from(text),
      updatedAt: new Date(0),
    },
  });
  const erase = { op: "erase" as const, identity: erased, ownState: true as const };
  // Beside the erase it writes to the session that the save writes to, in another slot.
  const away = { op: "delete" as const, identity: other, kind: "another" };
  const world = { identities: [erased, other], kinds: ["k"], eventIds: ["e"] };
  for (const changes of [[erase], [away, erase]])
    for (const isErasedLast of [false, true]) {
      const steps = [
        { ask: "commit" as const, changes: [save(erased, "a")] },
        { ask: "together" as const, commits: [[save(other, "b")], changes] },
      ];
      const store = createStore(await openMemory());
      const late = isErasedLast ? "commit" : "save";
      const call = store[late].bind(store) as (...given: unknown[]) => Promise<unknown>;
      const lateStore = Object.assign(store, {
        async [late](...given: unknown[]) {
          await store.find(other, "k");
          return call(...given);
        },
      });
      const name = `${changes.length} changes, ${late} is late`;
      await asked({ world, steps }, { name, store: lateStore });
      await store.close();
    }
});
