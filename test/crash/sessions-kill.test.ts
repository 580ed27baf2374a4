import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import type { SessionIdentity } from "../../src/index.js";
import { createSessions } from "../../src/sessions/index.js";
import { isSoak, soak } from "../soak.js";
import { newSession, onSharedStores } from "../typed/stores.js";
import { report } from "./figures.js";
import { urlOfWorkers, workersHaveEnded } from "./killed-workers.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
type Reader = ReturnType<typeof createSessions>;

/** A fork or an import of so many takes several commits. */
const EVENTS = isSoak ? 5000 : 1200;
const TIME_LIMIT_MS = soak(120_000);

/**
 * Imports a session and stops before the last line. Then it replaces an event again and again, says of each replacement that it
 * was acknowledged, and forks the session. It kills itself before or after a commit of the fork.
 */
const WORKER = `
  import { openStore } from "groundstate";
  import { createSessions } from "groundstate/sessions";
  import "groundstate/drivers";
  const { url, source, exported, fork, imported, commits, isWritten } = JSON.parse(process.argv[1]);
  const seen = { [fork.session]: 0, [imported.session]: 0 };
  let wake;
  const half = new Promise((resolve) => (wake = resolve));
  const killing = (inner) => ({
    ...Object.fromEntries(["read", "readByEventId", "scan", "sweep", "close"].map((name) => [name, (...given) => inner[name](...given)])),
    name: inner.name,
    inFlight: 1,
    async apply(given, options) {
      for (const { writes } of given) for (const session of new Set(writes.map((w) => (w.record ?? w.slot ?? w).session)))
        if (session in seen) seen[session]++;
      const isLast = seen[fork.session] >= commits;
      if (isLast && !isWritten) process.kill(process.pid, "SIGKILL");
      const outcomes = await inner.apply(given, options);
      if (isLast) process.kill(process.pid, "SIGKILL");
      if (seen[imported.session] >= 2) wake();
      return outcomes;
    },
  });
  const sessions = createSessions(await openStore(url, { layers: [killing] }));
  async function* allButTheLast() {
    let line;
    for await (const next of sessions.export(exported)) {
      if (line !== undefined) yield line;
      line = next;
    }
    await new Promise(() => setInterval(() => {}, 1000));
  }
  void sessions.import(imported, allButTheLast());
  await half;
  for (let n = 1; ; n++) {
    await sessions.replace(source, { number: 1, value: n, eventId: "r" + n });
    process.stdout.write(n + "\\n");
    if (n === 3) void sessions.fork(source, fork);
  }
`;

onSharedStores((opened) => {
  test(
    "a process that is killed while it replaces, forks and imports loses nothing that it was told of, and the same calls go on",
    async () => {
      const { store } = opened;
      const url = urlOfWorkers(opened.url);
      const sessions = createSessions(store);
      const [source, exported] = [newSession(), newSession()];
      for (const owner of [source, exported]) {
        await sessions.create(owner);
        for (let from = 0; from < EVENTS; from += 200) {
          await sessions.append(
            owner,
            Array.from({ length: 200 }, (_, n) => ({ value: from + n })),
          );
        }
      }
      const lines = () => sessions.export(exported);
      // What an undisturbed copy is made of.
      const whole = { ...source, session: "whole" };
      await sessions.fork(source, whole);
      const records = await store.count(whole, "");
      const rounds = soak(1);
      let acknowledged = 0;
      for (let round = 0; round < rounds; round++) {
        const [fork, imported] = ["fork", "import"].map((what) => ({
          ...source,
          session: `${what}-${round}`,
        }));
        if (fork === undefined || imported === undefined) throw new Error("two copies");
        const [commits, isWritten] = [2 + (round % 3), round % 2 === 0];
        const told = await killed({ url, source, exported, fork, imported, commits, isWritten });
        acknowledged += told;
        await workersHaveEnded(opened.url);
        await expectReplaced(sessions, source, told);
        for (const copy of [fork, imported]) {
          expect(await sessions.find(copy)).toBeUndefined();
          expect(await store.count(copy, "")).toBeGreaterThan(0);
        }
        await expectCopied(sessions, () => sessions.fork(source, fork), source, fork);
        await expectCopied(sessions, () => sessions.import(imported, lines()), exported, imported);
        expect(await store.count(imported, "")).toBe(records);
        // The log of what was replaced is one record more.
        expect((await store.count(fork, "")) - records).toBeLessThanOrEqual(1);
      }
      report("sessions, killed", { rounds, acknowledged });
    },
    TIME_LIMIT_MS,
  );
});

/** Lets a worker run until it kills itself. Returns the last replacement that it was told of. */
async function killed(given: object): Promise<number> {
  const args = ["--input-type=module", "-e", WORKER, JSON.stringify(given)];
  const child: ChildProcess = spawn(process.execPath, args, {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "inherit"],
  });
  let told = "";
  child.stdout?.on("data", (piece) => {
    told += piece;
  });
  expect((await once(child, "close"))[1]).toBe("SIGKILL");
  const numbers = told.split("\n").filter(Boolean).map(Number);
  expect(numbers.length).toBeGreaterThanOrEqual(3);
  return numbers.at(-1) as number;
}

/** The event has the last value, or that of the call that was under way; to repeat both changes nothing but that. */
async function expectReplaced(sessions: Reader, source: SessionIdentity, told: number): Promise<void> {
  const [first, second] = await sessions.read(source, { limit: 2 });
  expect([told, told + 1]).toContain(first?.value);
  const again = (n: number) => sessions.replace(source, { number: 1, value: n, eventId: `r${n}` });
  expect(await again(told)).toMatchObject({ duplicate: true });
  expect(await again(told + 1)).toMatchObject({ duplicate: first?.value === told + 1 });
  expect(await again(told)).toMatchObject({ duplicate: true });
  const replaced = { ...first, value: told + 1, replacedAt: expect.any(Date) };
  expect(await sessions.read(source, { limit: 2 })).toEqual([replaced, second]);
}

/** The same call goes on, gives what the source holds, each event once, and is a duplicate when it comes again. */
async function expectCopied(
  sessions: Reader,
  copy: () => Promise<{ readonly duplicate: boolean }>,
  source: SessionIdentity,
  made: SessionIdentity,
): Promise<void> {
  expect(await copy()).toMatchObject({ duplicate: false });
  const eventsOf = async (owner: SessionIdentity) =>
    (await sessions.read(owner)).map(({ number, id, value }) => ({ number, id, value }));
  const events = await eventsOf(made);
  expect(events).toEqual(await eventsOf(source));
  expect(events.map(({ number }) => number)).toEqual(Array.from({ length: EVENTS }, (_, n) => n + 1));
  expect(await copy()).toMatchObject({ duplicate: true });
}
