import { once } from "node:events";
import { readdirSync } from "node:fs";
import { dirname } from "node:path";
import Database from "better-sqlite3";
import { expect, test } from "vitest";
import { MEET, meetingOf } from "../meeting.js";
import { isSoak } from "../soak.js";
import { freshPath, inProcess, open, plainConnection, SLOT, startProcess } from "./sqlite-rig.js";

const EVERYTHING = { prefix: "", limit: 1e6, maxBytes: 1e9, reverse: false };

/** Runs four processes that begin at the same moment. Returns what each printed. */
async function inFourProcesses(source: string, args: object): Promise<unknown[]> {
  const meeting = meetingOf(4);
  return Promise.all([0, 1, 2, 3].map((me) => inProcess(MEET + source, { ...args, me, meeting })));
}

const SAVE_ONE = `
  const driver = await openSqlite({ path: args.path });
  const outcomes = await driver.apply([saveOf({ eventId: "e" + args.me, kind: "k" + args.me })], times());
  await driver.close();
  console.log(JSON.stringify(outcomes));
`;

test("four that start at once where no file is share one database", async () => {
  for (let round = 0; round < (isSoak ? 2 : 1); round++) {
    const path = freshPath();
    const outcomes = await inFourProcesses(SAVE_ONE, { path });
    expect(outcomes).toEqual(outcomes.map(() => [{ is: "applied", existed: [false] }]));
    expect(readdirSync(dirname(path))).toEqual(["state.db"]);
    const { records } = await (await open({ path })).scan(EVERYTHING);
    expect(records.map(({ kind }) => kind)).toEqual(["k0", "k1", "k2", "k3"]);
  }
});

test("four that start at once on an outdated schema migrate it once", async () => {
  const path = freshPath();
  new Database(path).exec("PRAGMA application_id = 1196643393; VACUUM").close();
  const outcomes = await inFourProcesses(SAVE_ONE, { path });
  expect(outcomes).toEqual(outcomes.map(() => [{ is: "applied", existed: [false] }]));
  expect(plainConnection(path).pragma("user_version", { simple: true })).toBe(3);
});

test("increments by compare-and-swap from several processes all count", async () => {
  const path = freshPath();
  const source = `
    const driver = await openSqlite({ path: args.path });
    let tries = 0;
    for (let done = 0; done < args.count; tries++) {
      const [current] = await driver.read([slot]);
      const next = { eventId: args.me + "/" + tries, version: (current?.version ?? 0) + 1 };
      const [outcome] = await driver.apply([saveOf(next, current?.eventId ?? null)], times());
      if (outcome.is === "applied") done++;
    }
    await driver.close();
    console.log(JSON.stringify(tries));
  `;
  const count = isSoak ? 100 : 40;
  const tries = (await inFourProcesses(source, { path, count })) as number[];
  const [counter] = await (await open({ path })).read([SLOT]);
  expect(counter?.version).toBe(4 * count);
  // Otherwise they never met.
  expect(tries.reduce((sum, each) => sum + each)).toBeGreaterThan(4 * count);
});

test("erasing beside commits of the same session tears none", async () => {
  const path = freshPath();
  const writer = `
    const driver = await openSqlite({ path: args.path });
    let torn = 0;
    for (let round = 0; round < args.rounds; round++) {
      if (args.me === 0) { await eraseIn(driver, times())(slot.tenant, slot.user, slot.session); continue; }
      const pair = ["a", "b"].flatMap((kind) => saveOf({ eventId: [args.me, round, kind].join("/"), kind }).writes);
      await driver.apply([{ tenant: slot.tenant, writes: pair }], times());
      const found = await driver.read(["a", "b"].map((kind) => ({ ...slot, kind })));
      if ((found[0] === undefined) !== (found[1] === undefined)) torn++;
    }
    await driver.close();
    console.log(torn);
  `;
  expect(await inFourProcesses(writer, { path, rounds: isSoak ? 150 : 60 })).toEqual([0, 0, 0, 0]);
});

test("several slots are read as of one moment, while another process writes them", async () => {
  const path = freshPath();
  const driver = await open({ path });
  const source = `
    const driver = await openSqlite(args);
    for (let version = 0; ; version++) {
      const writes = ["a", "b"].flatMap((kind) => saveOf({ eventId: kind + version, kind, version }).writes);
      await driver.apply([{ tenant: slot.tenant, writes }], times());
    }
  `;
  startProcess(source, { path, durability: "process" });
  const slots = ["a", "b"].map((kind) => ({ ...SLOT, kind }));
  const versions = new Set<number | undefined>();
  while (versions.size < (isSoak ? 300 : 100)) {
    const [a, b] = await driver.read(slots);
    expect(a?.version).toBe(b?.version);
    versions.add(a?.version);
    await new Promise(setImmediate);
  }
});

test("what was acknowledged survives a kill in the middle of writing", async () => {
  const path = freshPath();
  const source = `
    const driver = await openSqlite({ path: args.path });
    for (let n = 0; ; n++) {
      const batch = [0, 1, 2, 3].map((i) => saveOf({ eventId: n + "/" + i, kind: "k" + n + "/" + i }));
      await driver.apply(batch, times());
      process.stdout.write(n + "\\n");
    }
  `;
  let acknowledged = -1;
  for (let round = 0; round < (isSoak ? 3 : 2); round++) {
    const child = startProcess(source.replace("n = 0", `n = ${acknowledged + 1}`), { path });
    let printed = "";
    child.stdout.on("data", (chunk) => {
      printed += chunk;
      if (printed.length > 200) child.kill("SIGKILL");
    });
    await once(child, "close");
    const lines = printed.split("\n").slice(0, -1);
    expect(lines.length).toBeGreaterThan(20);
    acknowledged = Number(lines.at(-1));
    const driver = await open({ path });
    const { records } = await driver.scan({ ...EVERYTHING, tenant: SLOT.tenant });
    const batches = new Map<string, number>();
    for (const { kind } of records) {
      const name = kind.split("/")[0] as string;
      batches.set(name, (batches.get(name) ?? 0) + 1);
    }
    for (let n = 0; n <= acknowledged; n++) expect(batches.has(`k${n}`), `batch ${n}`).toBe(true);
    for (const [name, size] of batches) expect(size, name).toBe(4);
    // The last batch may have been written and not acknowledged.
    acknowledged = batches.size - 1;
  }
});

test("a process that has closed its driver ends by itself", async () => {
  expect(await inProcess("await openSqlite(args); console.log(1)", { path: freshPath() })).toBe(1);
});
