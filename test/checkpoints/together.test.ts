import { expect, test } from "vitest";
import { createCheckpoints } from "../../src/checkpoints/index.js";
import type { StateStore } from "../../src/index.js";
import { createLedger } from "../../src/ledger/index.js";
import { createSessions } from "../../src/sessions/index.js";
import { together, type Unit } from "../../src/typed/index.js";
import { dyingAt } from "../sessions/rig.js";
import { inMemory, newSession, onEveryStore } from "../typed/stores.js";

const PLACE = { lineage: "thread" };

interface Wrappers {
  readonly sessions: ReturnType<typeof createSessions>;
  readonly ledger: ReturnType<typeof createLedger>;
  readonly saved: ReturnType<typeof createCheckpoints>;
}

onEveryStore((opened) => {
  test("a checkpoint with its writes, an event and a cost are one step, once", async () => {
    const who = newSession();
    const [sessions, ledger] = [createSessions(opened.store), createLedger(opened.store)];
    const saved = createCheckpoints(opened.store);
    await sessions.create(who);
    const stepOn = (store: StateStore, n: number) => {
      const mine = {
        sessions: createSessions(store),
        ledger: createLedger(store),
        saved: createCheckpoints(store),
      };
      return together(store, (unit) => step(mine, unit, n));
    };
    const step = async ({ sessions, ledger, saved }: Wrappers, unit: Unit, n: number) => {
      await sessions.in(unit).append(who, { id: `e-${n}`, value: n });
      await ledger.in(unit).record(who, { eventId: `l-${n}`, provider: "p", model: "m", cost: "0.01" });
      const values = { n, same: "s" };
      const checkpoint = { ...PLACE, id: `c-${n}`, ...(n > 1 && { parent: `c-${n - 1}` }), values };
      await saved.in(unit).putAll(who, checkpoint, [{ task: "t", writes: [{ channel: "x", value: n }] }]);
      return saved.in(unit).put(who, { ...PLACE, id: `d-${n}`, parent: `c-${n}`, values: {}, inherit: true });
    };
    expect(await stepOn(opened.store, 1)).toEqual({ id: "d-1", duplicate: false });
    expect(await stepOn(opened.store, 1)).toEqual({ id: "d-1", duplicate: true });
    await expect(stepOn(dyingAt(opened.store, "commit"), 2)).rejects.toThrow("died");
    expect(await sessions.read(who)).toHaveLength(1);
    expect((await saved.latest(who, PLACE))?.id).toBe("d-1");
    await stepOn(opened.store, 2);
    expect(await saved.get(who, { ...PLACE, id: "d-2" })).toMatchObject({
      values: { n: 2, same: "s" },
      versions: { n: 2, same: 1 },
    });
    expect((await saved.tuple(who, { ...PLACE, id: "c-2" }))?.writes.map(({ value }) => value)).toEqual([2]);
    expect((await sessions.read(who)).map(({ value }) => value)).toEqual([1, 2]);
    expect((await ledger.totals(who)).cost).toBe("0.02");
  });
});

inMemory((opened) => {
  test("a unit that is refused has put nothing, and other content under an id refuses it", async () => {
    const who = newSession();
    const saved = createCheckpoints(opened.store);
    await saved.put(who, { ...PLACE, id: "c-1", values: { a: 1 } });
    const other = together(opened.store, async (unit) => {
      await saved.in(unit).put(who, { ...PLACE, id: "c-2", values: {} });
      await saved.in(unit).put(who, { ...PLACE, id: "c-1", values: { a: 2 } });
    });
    await expect(other).rejects.toMatchObject({ code: "IDEMPOTENCY_CONFLICT" });
    expect((await saved.list(who, PLACE)).checkpoints).toHaveLength(1);
    await saved.put(who, { ...PLACE, id: "c-3", values: {} });
    await saved.prune(who, PLACE, { keep: 1 });
    const gone = together(opened.store, (unit) =>
      saved.in(unit).put(who, { ...PLACE, id: "c-1", values: { a: 1 } }),
    );
    await expect(gone).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  test("a checkpoint that is too large for a commit is refused", async () => {
    const who = newSession();
    const values = { large: "x".repeat(300_000) };
    const put = together(opened.store, (unit) =>
      createCheckpoints(opened.store)
        .in(unit)
        .put(who, { ...PLACE, id: "c-1", values }),
    );
    await expect(put).rejects.toMatchObject({ code: "INVALID_RECORD", details: { field: "values" } });
    expect(await opened.store.count(who, "")).toBe(0);
  });

  test("writes of a task in two calls of one unit", async () => {
    const who = newSession();
    const saved = createCheckpoints(opened.store);
    const write = (task: string) => ({ ...PLACE, id: "c-1", task, writes: [{ channel: "x", value: task }] });
    const both = async (unit: Unit) => {
      const first = await saved.in(unit).putWrites(who, write("a"));
      const again = await saved.in(unit).putWrites(who, write("a"));
      await saved.in(unit).putWrites(who, write("b"));
      await saved.in(unit).put(who, { ...PLACE, id: "c-1", values: {} });
      return [first.duplicate, again.duplicate];
    };
    expect(await together(opened.store, both)).toEqual([false, true]);
    expect((await saved.tuple(who, PLACE))?.writes.map(({ task }) => task)).toEqual(["a", "b"]);
  });
});
