import { describe, expect, test } from "vitest";
import { EXPIRING } from "../../drivers/sqlite/expiry-queue.js";
import type { Driver } from "../../src/contract/driver.js";
import { isSoak } from "../soak.js";
import { erased, IDENTITY } from "../store/store-rig.js";
import { commit, freshPath, open, plainConnection, rememberedIds, SLOT, save } from "./sqlite-rig.js";

const WINDOW = 1_000;
const at = (now: number) => ({ now, window: WINDOW });

async function opened() {
  const path = freshPath();
  const driver = await open({ path, durability: "process", thread: "inline" });
  const table = plainConnection(path);
  const remembered = () => rememberedIds(table);
  return { driver, table, remembered };
}

/** Saves that leave no current record, so that their ids can be forgotten. */
async function overwrite(driver: Driver, ids: readonly string[], now: number): Promise<void> {
  await driver.apply(
    ids.map((eventId) => save({ eventId })),
    at(now),
  );
}

describe("an id", () => {
  test("is seen until its window is over, by the time it was saved, and then is not", async () => {
    const { driver } = await opened();
    await overwrite(driver, ["old", "current"], 10_000);
    const again = save({ eventId: "old", kind: "elsewhere", fingerprint: "other", updatedAt: 1 });
    expect(await driver.apply([again], at(10_999))).toEqual([{ is: "conflict", write: 0 }]);
    expect(await driver.apply([again], at(11_000))).toEqual([{ is: "applied", existed: [false] }]);
    // It now stands for what it was saved as last.
    expect(await driver.apply([again], at(11_001))).toEqual([{ is: "duplicate" }]);
    expect((await driver.readByEventId(IDENTITY, "old"))?.kind).toBe("elsewhere");
  });

  test("that is current stays seen, however old", async () => {
    const { driver } = await opened();
    const current = save({ eventId: "current" });
    await driver.apply([current], at(0));
    for (const now of [5_000, 50_000, 500_000]) {
      await driver.apply([save({ kind: "other" }), save({ kind: "other" })], at(now));
      expect(await driver.apply([current], at(now))).toEqual([{ is: "duplicate" }]);
    }
  });

  test("that has waited as current is forgotten once it is not", async () => {
    const { driver, remembered } = await opened();
    await driver.apply([save({ eventId: "long" })], at(0));
    await overwrite(driver, ["x1"], 2_000);
    await driver.apply([save({ eventId: "y", kind: "other" })], at(2_500));
    expect(await driver.apply([save({ eventId: "long", version: 1 })], at(2_600))).toEqual([
      { is: "applied", existed: [true] },
    ]);
    await driver.apply([save({ eventId: "z" })], at(9_000));
    await driver.apply([save({ eventId: "z2", kind: "third" })], at(9_001));
    expect(remembered()).not.toContain("long");
  });

  test("that was erased is forgotten after its window", async () => {
    const { driver, remembered } = await opened();
    await driver.apply([save({ eventId: "erased" })], at(0));
    await erased(driver, SLOT.tenant, SLOT.user, SLOT.session);
    expect(await driver.apply([save({ eventId: "erased", version: 5 })], at(999))).toEqual([
      { is: "duplicate" },
    ]);
    await driver.apply([save({ eventId: "next", kind: "other" })], at(1_000));
    expect(remembered()).toEqual(["next"]);
  });
});

describe("a batch", () => {
  const ids = Array.from({ length: 20 }, (_, index) => `id${String(index).padStart(2, "0")}`);

  test("forgets twice as many as it saved, oldest first", async () => {
    const { driver, remembered } = await opened();
    await overwrite(driver, [...ids, "current"], 0);
    await overwrite(driver, ["a", "b"], 5_000);
    expect(remembered()).toEqual([...ids.slice(4), "current", "a", "b"]);
    await driver.apply([commit({ op: "delete", slot: SLOT })], at(5_000));
    expect(remembered().length).toBe(19);
  });

  test("that saved nothing forgets nothing", async () => {
    const { driver, remembered } = await opened();
    await overwrite(driver, ids, 0);
    await driver.apply(
      [commit({ op: "check", slot: SLOT, expect: null }), save({ eventId: "id19" })],
      at(9_000),
    );
    expect(remembered()).toEqual(ids);
  });

  test("moves current ids to the end and examines each once per window", async () => {
    const { driver, remembered, table } = await opened();
    const kinds = ["k1", "k2", "k3"];
    await driver.apply(
      kinds.map((kind) => save({ eventId: kind, kind })),
      at(0),
    );
    await overwrite(driver, ["a"], 5_000);
    expect(remembered()).toEqual(["k3", "a", "k1", "k2"]);
    await overwrite(driver, ["b"], 5_001);
    expect(remembered()).toEqual(["a", "k1", "k2", "b", "k3"]);
    await overwrite(driver, ["c"], 5_002);
    expect(remembered()).toEqual(["a", "k1", "k2", "b", "k3", "c"]);
    const saved = table.prepare("SELECT DISTINCT saved_at FROM seen WHERE event_id LIKE 'k%'").pluck();
    expect(saved.all()).toEqual([0]);
  });

  test("gets on when the clock was set back", async () => {
    const { driver, remembered } = await opened();
    await overwrite(driver, ["future"], 1_000_000);
    await overwrite(driver, ["a", "b", "c"], 0);
    await overwrite(driver, ["d"], 2_000);
    await overwrite(driver, ["e"], 2_001);
    expect(remembered()).not.toContain("a");
    expect(remembered()).toContain("future");
  });

  test("gets on among many ids that are all current, at a cost that does not grow", {
    timeout: 240_000,
  }, async () => {
    const { driver, table } = await opened();
    const many = isSoak ? 1_000_000 : 100_000;
    table.exec(`
      WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${many})
      INSERT INTO record SELECT i, 'acme', 'ann', 's' || (i % 1000), '', 'k' || i, 'seed' || i, '', 0, 0, x'00'
      FROM n;
      INSERT INTO tenant VALUES (1, 'acme');
      INSERT INTO seen SELECT event_id, 1, id, 0, fingerprint FROM record;
      INSERT INTO expiry
      SELECT id, 0, unhex(printf('01%02X', length(event_id)) || hex(event_id)) FROM record ORDER BY id;
    `);
    const first = table.prepare("SELECT min(id) FROM expiry").pluck();
    const batch = () => Array.from({ length: 64 }, () => save());
    for (let round = 1; round <= 50; round++) {
      await driver.apply(batch(), at(10_000 + round));
      expect(first.get()).toBe(1 + round * 128);
    }
    // It looks up each event by its id, and each record by its number.
    const plan = table.prepare(`EXPLAIN QUERY PLAN ${EXPIRING}`).all("", "", 1) as { detail: string }[];
    expect(plan.map(({ detail }) => detail)).toEqual([
      expect.stringMatching(/^SEARCH seen USING PRIMARY KEY \(event_id=\? AND tenant=\?\)/),
      expect.stringMatching(/^SEARCH record USING INTEGER PRIMARY KEY/),
      expect.stringMatching(/SUBQUERY/),
      expect.stringMatching(/^SEARCH tenant USING INTEGER PRIMARY KEY/),
    ]);
    expect(
      table.prepare("SELECT count(*) FROM seen WHERE event_id LIKE 'seed%' AND saved_at = 0").pluck().get(),
    ).toBe(many);
  });

  test("keeps memory bounded for a slot that is overwritten forever", async () => {
    const { driver, remembered } = await opened();
    for (let now = 0; now < 20_000; now += 50) {
      await driver.apply(
        Array.from({ length: 8 }, () => save()),
        at(now),
      );
    }
    // 20 batches of 8 are within the window.
    expect(remembered().length).toBeLessThanOrEqual(21 * 8);
  });
});
