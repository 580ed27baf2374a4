import { rmSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { expect, onTestFinished, test } from "vitest";
import { eventKey } from "../../drivers/sqlite/event-key.js";
import { openSqlite } from "../../drivers/sqlite/index.js";
import { createStore, newEventId } from "../../src/index.js";
import { ask } from "./sqlite-ask.mjs";
import { judge } from "./sqlite-judge.js";
import { fastFolder } from "./sqlite-recording.js";
import { makeScript, type Script, type Step } from "./sqlite-scripts.js";

const ANSWERED = 40;

const script = makeScript("lane0", 7, { steps: 60, largest: 2_000 });
const others = [makeScript("lane1", 8, { steps: 60, largest: 2_000 })];

/** A database in which so many steps of both lanes were carried out. */
async function written(steps: number): Promise<string> {
  const folder = fastFolder();
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "state.db");
  const store = createStore(await openSqlite({ path, thread: "inline" }));
  for (const each of [script, ...others])
    for (const step of each.steps.slice(0, steps)) await ask(store, step);
  await store.close();
  return path;
}

function judged(path: string, scripts: readonly Script[] = [script, ...others]): Promise<readonly string[]> {
  return judge(
    path,
    scripts.map((each) => ({ script: each, answered: ANSWERED })),
  );
}

function damage(path: string, sql: string, ...values: unknown[]): void {
  const connection = new Database(path);
  expect(connection.prepare(sql).run(...values).changes).toBeGreaterThan(0);
  connection.close();
}

/** The id of the last save of the lane that was answered. */
function lastSaved(): string {
  const saves = script.steps
    .slice(0, ANSWERED)
    .flatMap(({ changes = [], refused }: Step) => (refused ? [] : changes));
  return saves.flatMap((change) => (change.op === "save" ? [change.eventId] : [])).at(-1) as string;
}

test("what was answered, and one step more, is as it should be", async () => {
  expect(await judged(await written(ANSWERED))).toEqual([]);
  expect(await judged(await written(ANSWERED + 1))).toEqual([]);
});

test.each([ANSWERED - 1, 0])("less than what was answered is a loss: %i steps", async (steps) => {
  expect((await judged(await written(steps))).join()).toMatch(
    /lost: lane\d stands after step \d+, and 40 were answered/,
  );
});

test("more than what was asked for is found", async () => {
  expect(await judged(await written(ANSWERED + 4))).not.toEqual([]);
  expect(await judged(await written(ANSWERED), [script])).toEqual(["lane1 is nobody's"]);
});

test("half of a commit is torn", async () => {
  const path = await written(ANSWERED);
  damage(path, "DELETE FROM record WHERE event_id = ?", lastSaved());
  expect((await judged(path)).join()).toContain("torn: lane0");
});

test("a record that holds something else is found", async () => {
  const path = await written(ANSWERED);
  damage(path, "UPDATE record SET event_id = ? WHERE user = 'lane0'", newEventId());
  expect(await judged(path)).not.toEqual([]);
  const other = await written(ANSWERED);
  damage(other, "UPDATE record SET bytes = x'00' WHERE event_id = ?", lastSaved());
  expect((await judged(other)).join()).toContain("does not pass its checks");
});

test("an id that is not known any more is found", async () => {
  const path = await written(ANSWERED);
  damage(path, "DELETE FROM seen WHERE event_id = ?", eventKey(lastSaved()));
  expect((await judged(path)).join()).toMatch(/of lane0, asked again, is (done|refused)/);
});

test("a file that is not sound is found", async () => {
  const path = await written(ANSWERED);
  const connection = new Database(path);
  connection.unsafeMode().pragma("writable_schema = ON");
  connection.exec("DELETE FROM sqlite_schema WHERE name = 'record_by_kind'");
  connection.close();
  expect((await judged(path)).join()).toContain("integrity_check: ");
});
