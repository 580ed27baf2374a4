import { expect, test } from "vitest";
import { createStore, newEventId } from "../../src/index.js";
import { startServer } from "../postgres/database.js";
import { failOnUncaughtErrors, open, plainClient } from "./postgres-rig.js";

failOnUncaughtErrors();

/** A server whose connections share few locks: about 16 for each. */
const FEW_LOCKS = { max_locks_per_transaction: 16, max_connections: 20 };

const TAKE_ALL = `DO $$
DECLARE key bigint := 0;
BEGIN
  LOOP
    PERFORM pg_advisory_lock(key);
    key := key + 1;
  END LOOP;
EXCEPTION WHEN out_of_memory THEN NULL;
END $$`;

test("while other connections hold all locks of the server, a save waits and is not refused", async () => {
  const server = await startServer({ settings: FEW_LOCKS });
  try {
    const driver = await open({ url: server.url, timeoutMs: 20_000 });
    const store = createStore(driver, { layers: driver.layers ?? [] });
    const identity = { tenant: "acme", user: "ann", session: "s" };
    const save = (kind: string) =>
      store.save({ eventId: newEventId(), identity, kind, bytes: Buffer.from("x") });
    await save("before");
    const greedy = plainClient(server.url);
    await greedy.unsafe(TAKE_ALL);
    // Without the layer that tries again, a commit that cannot be divided is told to.
    const alone = createStore(driver);
    const record = { eventId: newEventId(), identity, kind: "alone", bytes: Buffer.from("x") };
    await expect(alone.save(record)).rejects.toMatchObject({
      code: "UNAVAILABLE",
      details: { reason: "busy" },
    });
    let isSaved = false;
    const saved = save("after").then(() => {
      isSaved = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(isSaved).toBe(false);
    await greedy.unsafe("SELECT pg_advisory_unlock_all()");
    await saved;
  } finally {
    await server.stop();
  }
});

test("a batch that needs more locks than there are is divided", async () => {
  const server = await startServer({ settings: FEW_LOCKS });
  try {
    const store = createStore(await open({ url: server.url, timeoutMs: 20_000 }));
    const saves = Array.from({ length: 3 }, (_, part) =>
      store.commit(
        Array.from({ length: 200 }, (_, index) => ({
          op: "save",
          record: {
            eventId: newEventId(),
            identity: { tenant: "acme", user: "ann", session: `${part}/${index}` },
            kind: "kind",
            bytes: Buffer.from("x"),
          },
        })),
      ),
    );
    for (const { receipts } of await Promise.all(saves)) expect(receipts).toHaveLength(200);
  } finally {
    await server.stop();
  }
});
