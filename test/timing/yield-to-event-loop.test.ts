import { expect, onTestFinished, test } from "vitest";
import { openMemory } from "../../drivers/memory/index.js";
import { openSqlite } from "../../drivers/sqlite/index.js";
import { maintenanceScope } from "../../src/identity/scope.js";
import { type Driver, newEventId, type StateStore } from "../../src/index.js";
import { createStore } from "../../src/store/driver-store.js";
import { IDENTITY } from "../store/store-rig.js";

const scope = maintenanceScope({ reason: "test", allTenants: true });
const READS: Readonly<Record<string, (store: StateStore) => Promise<boolean>>> = {
  find: async (store) => (await store.find(IDENTITY, "note")) !== undefined,
  loadByEventId: (store) =>
    store.loadByEventId(IDENTITY, "e").then(
      () => true,
      () => false,
    ),
  list: async (store) => (await store.list(IDENTITY, "")).length > 0,
  listKind: async (store) => (await store.listKind(scope, "n")).length > 0,
};
const save = (store: StateStore) =>
  store.save({ eventId: "e", identity: IDENTITY, kind: "note", bytes: Buffer.from("x") });

const CASES = Object.entries(READS).flatMap(([name, read]) => [
  { driver: "memory", name, read, open: openMemory },
  { driver: "sqlite", name, read, open: () => openSqlite({ path: ":memory:" }) },
]);

test.each(CASES)(
  "a loop of $name calls sees the commit that it waits for, in $driver",
  async ({ open, read }) => {
    const store = createStore(await open());
    onTestFinished(() => store.close());
    const saved = save(store);
    while (!(await read(store)));
    expect(await saved).toEqual({ eventId: "e", duplicate: false });
  },
);

test("a read that was waiting for the event loop when the store closed never reaches the driver", async () => {
  const memory = await openMemory();
  let isClosed = false;
  const late: string[] = [];
  const noting = (name: "read" | "scan") => (query: never) => {
    if (isClosed) late.push(name);
    return memory[name](query);
  };
  const driver: Driver = Object.assign(Object.create(memory) as Driver, {
    read: noting("read"),
    scan: noting("scan"),
    apply: memory.apply.bind(memory),
    close: async () => {
      isClosed = true;
    },
  });
  const store = createStore(driver);
  await store.save({ eventId: newEventId(), identity: IDENTITY, kind: "note", bytes: Buffer.alloc(0) });
  const end = performance.now() + 20;
  const busy = async () => {
    while (performance.now() < end) await store.find(IDENTITY, "note");
  };
  await Promise.all([busy(), busy()]);
  const reads = [store.find(IDENTITY, "note"), store.list(IDENTITY, "")];
  const closed = store.close({ timeoutMs: 0 });
  await Promise.allSettled(reads);
  await closed;
  expect(late).toEqual([]);
});
