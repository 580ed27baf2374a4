import Database from "better-sqlite3";
import { expect, test } from "vitest";
import type { Connection } from "../../drivers/sqlite/connection.js";
import { Engine } from "../../drivers/sqlite/engine.js";
import { Reader } from "../../drivers/sqlite/reader.js";
import { applyMigrations } from "../../drivers/sqlite/schema.js";
import { SLOT, save } from "./sqlite-rig.js";

const TIMES = { now: 1_000, window: 86_400_000 };

/** Tables that are read from one end, or that hold a row for each large erase under way. */
const MAY_SCAN = /^SCAN (expiry|erasure|fence)$/;

const BOUNDED =
  /^(SEARCH|CO-ROUTINE|SCAN \(subquery|COMPOUND|MERGE|LEFT|RIGHT|CORRELATED SCALAR|SCALAR|LIST|SCAN CONSTANT)/;

/** A connection that keeps the text of every statement that is prepared. */
function recording(database: Database.Database): { connection: Connection; statements: Set<string> } {
  const statements = new Set<string>();
  const connection = new Proxy(database, {
    get(target, name) {
      if (name === "prepare")
        return (sql: string) => {
          statements.add(sql);
          return target.prepare(sql);
        };
      const value = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  return { connection: connection as unknown as Connection, statements };
}

/** How SQLite carries each of them out. */
function plansOf(
  database: Database.Database,
  statements: ReadonlySet<string>,
): Map<string, readonly string[]> {
  const plans = new Map<string, readonly string[]>();
  for (const sql of statements) {
    if (!/^\s*(SELECT|INSERT|UPDATE|DELETE|REPLACE|WITH)\b/.test(sql)) continue;
    const parameters = Array((sql.match(/\?/g) ?? []).length).fill(null);
    const steps = database.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(...parameters) as { detail: string }[];
    plans.set(
      sql,
      steps.map(({ detail }) => detail),
    );
  }
  return plans;
}

function requireBounded(plans: ReadonlyMap<string, readonly string[]>): void {
  for (const [sql, steps] of plans)
    for (const step of steps)
      expect([sql, step, BOUNDED.test(step) || MAY_SCAN.test(step)]).toEqual([sql, step, true]);
}

test("no statement scans or sorts a table, whether it is planned on empty tables or on full ones after an analysis", async () => {
  const database = new Database(":memory:");
  await applyMigrations(database as unknown as Connection);
  const { connection, statements } = recording(database);
  const engine = new Engine(connection);
  const reader = new Reader(connection);
  engine.apply([save()], TIMES);
  reader.read([SLOT]);
  const young = plansOf(database, statements);
  expect(young.size).toBeGreaterThan(25);
  requireBounded(young);

  for (let batch = 0; batch < 20; batch++) {
    const commits = Array.from({ length: 200 }, (_, index) =>
      save({ tenant: `t${index % 3}`, user: `u${batch}`, session: `s${index % 20}`, kind: `k${index}` }),
    );
    engine.apply(commits, TIMES);
  }
  database.exec("ANALYZE");
  requireBounded(plansOf(database, statements));
});
