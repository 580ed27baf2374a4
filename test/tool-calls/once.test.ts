import { spawn } from "node:child_process";
import { once as event } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { StateError } from "../../src/index.js";
import { createToolCalls } from "../../src/tool-calls/index.js";
import { withMethods } from "../sessions/rig.js";
import { soak } from "../soak.js";
import { newSession, onEveryStore, onSharedStores } from "../typed/stores.js";
import { MAIL } from "./table.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const CALL = { ...MAIL, id: "a" };

interface Made {
  readonly number: number;
}

onEveryStore((opened) => {
  const calls = (store = opened.store) => createToolCalls(store);

  test("work runs once, and its result is kept", async () => {
    const who = newSession();
    let made = 0;
    const work = (): Promise<Made> => Promise.resolve({ number: ++made });
    const kept: Made = await calls().once(who, CALL, work);
    expect(kept).toEqual({ number: 1 });
    expect(await calls().once(who, CALL, work)).toEqual({ number: 1 });
    expect(await calls().once(who, { ...CALL, id: "b" }, () => undefined)).toBeUndefined();
    expect(await calls().once(who, { ...CALL, id: "b" }, () => undefined)).toBeUndefined();
    expect(made).toBe(1);
    // The result of another call is not this one's.
    const other = calls().once(who, { ...CALL, tool: "other" }, work);
    await expect(other).rejects.toMatchObject({ code: "ALREADY_BEGUN" });
    expect(made).toBe(1);
  });

  test("of many at once one runs, and the others are told that it is under way", async () => {
    const who = newSession();
    let made = 0;
    const work = async () => {
      made++;
      await sleep(20);
      return made;
    };
    const all = await Promise.allSettled(Array.from({ length: 5 }, () => calls().once(who, CALL, work)));
    expect(made).toBe(1);
    expect(all.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    for (const one of all)
      if (one.status === "rejected") expect(one.reason).toMatchObject({ code: "ALREADY_BEGUN" });
  });

  test("work that throws has failed, and does not run again", async () => {
    const who = newSession();
    const long = new Error(`é${"é".repeat(20_000)}`);
    const failing = calls().once(who, CALL, () => {
      throw long;
    });
    await expect(failing).rejects.toBe(long);
    const { status, outcome } = await calls().get(who, "a");
    expect(status).toBe("failed");
    expect(outcome?.error).toMatch(/^é+$/);
    const again = calls().once(who, CALL, () => expect.unreachable("it ran again"));
    await expect(again).rejects.toMatchObject({
      code: "ALREADY_BEGUN",
      details: { call: { status: "failed" } },
    });
  });

  test.each<[string, () => unknown]>([
    ["nothing", () => undefined],
    ["a symbol", () => Symbol("no")],
    ["an object without a prototype", () => Object.create(null)],
    ["an error whose message is none", () => Object.assign(new Error("x"), { message: 7 })],
    ["an error that cannot be read", () => new Proxy(new Error("x"), { get: refuse })],
  ])("whatever work throws, the call has failed: %s", async (_, thrown) => {
    const who = newSession();
    const what = thrown();
    const failing = calls().once(who, CALL, () => {
      throw what;
    });
    expect(await failing.then(expect.unreachable, (error) => Object.is(error, what))).toBe(true);
    expect((await calls().get(who, "a")).status).toBe("failed");
  });

  test("a call that its caller changes afterwards is still the call that it was", async () => {
    const who = newSession();
    const call = { ...CALL, arguments: { to: "ada" } };
    const changed = () => {
      const mine = structuredClone(call);
      const done = calls().once(who, mine, (begun) => {
        Object.assign(begun, { id: "b", identity: { ...who, user: "eve" } });
        return 1;
      });
      Object.assign(mine, { id: "c", tool: "other" });
      mine.arguments.to = "eve";
      return done;
    };
    expect([await changed(), await changed()]).toEqual([1, 1]);
    expect((await calls().list({ tenant: who.tenant })).calls).toMatchObject([
      { ...call, status: "succeeded" },
    ]);
  });

  test("a result that cannot be kept leaves an orphan to decide about, and work does not run again", async () => {
    const who = newSession();
    const limited = createToolCalls(opened.store, { maxJsonBytes: 100 });
    const large = limited.once(who, CALL, () => "x".repeat(100));
    await expect(large).rejects.toMatchObject({ code: "INVALID_RECORD", details: { field: "result" } });
    // @ts-expect-error: JSON would change it
    const changed = calls().once(who, { ...CALL, id: "b" }, () => new Date());
    await expect(changed).rejects.toMatchObject({ code: "INVALID_RECORD", details: { field: "result" } });
    const again = calls().once(who, CALL, () => expect.unreachable("it ran again"));
    await expect(again).rejects.toMatchObject({ details: { call: { status: "begun" } } });
    await calls().succeed(who, "a", { result: { ref: "s3://7" } });
    expect(await calls().once(who, CALL, () => expect.unreachable("it ran again"))).toEqual({
      ref: "s3://7",
    });
  });

  test("where the answer to begin or to the outcome is lost, work runs once or not at all", async () => {
    for (const lost of [1, 2]) {
      const who = newSession();
      let commits = 0;
      const store = withMethods(opened.store, {
        commit: async (...args) => {
          const receipt = await opened.store.commit(...args);
          if (++commits === lost) throw new StateError("UNAVAILABLE", "no", { details: { reason: "busy" } });
          return receipt;
        },
      });
      let made = 0;
      const run = (on = opened.store) => calls(on).once(who, CALL, () => ++made);
      await expect(run(store)).rejects.toMatchObject({ code: "UNAVAILABLE" });
      if (lost === 1) await expect(run()).rejects.toMatchObject({ code: "ALREADY_BEGUN" });
      else expect(await run()).toBe(1);
      expect(made).toBe(lost - 1);
    }
  });
});

function refuse(): never {
  throw new Error("it was read");
}

/** Makes the calls 0, 1, ...; each writes a line outside the store. An orphan is looked up there, as an agent has to. */
const AGENT = `
  import { appendFileSync, readFileSync } from "node:fs";
  import { isStateError, openStore } from "groundstate";
  import "groundstate/drivers";
  import { createToolCalls } from "groundstate/tool-calls";
  const { url, who, file, count, isOnce } = JSON.parse(process.argv[1]);
  const calls = createToolCalls(await openStore(url));
  const pause = () => new Promise((done) => setTimeout(done, 3));
  const work = async (n) => {
    await pause();
    appendFileSync(file, n + "\\n");
    await pause();
    return n;
  };
  process.stdout.write("ready");
  for (let n = 0; n < count; n++) {
    const call = { id: "call-" + n, tool: "t", arguments: { n } };
    if (!isOnce) {
      // As without intents: what has no outcome is made.
      if ((await calls.find(who, call.id)) !== undefined) continue;
      await work(n);
      await calls.begin(who, call);
      continue;
    }
    try {
      await calls.once(who, call, () => work(n));
    } catch (error) {
      if (!isStateError(error, "ALREADY_BEGUN")) throw error;
      if (error.details.call.status !== "begun") continue;
      process.stdout.write("orphan ");
      const isMade = readFileSync(file, "utf8").split("\\n").includes(String(n));
      if (isMade) await calls.succeed(who, call.id, { result: n });
      else await calls.abandon(who, call.id, { reason: "it was not made" });
    }
  }
  process.exit(0);
`;

onSharedStores((opened) => {
  /** Runs agents, one after the other, each killed at a random moment, until one comes through. */
  async function agents(who: ReturnType<typeof newSession>, isOnce: boolean, kills: number) {
    const folder = mkdtempSync(join(tmpdir(), "groundstate-calls-"));
    const file = join(folder, "made");
    writeFileSync(file, "");
    let said = "";
    let killed = 0;
    const run = async (kill: boolean) => {
      const given = JSON.stringify({ url: opened.url, who, file, count: 25, isOnce });
      const args = ["--input-type=module", "-e", AGENT, given];
      const child = spawn(process.execPath, args, { cwd: ROOT, stdio: ["ignore", "pipe", "inherit"] });
      const exit = event(child, "exit");
      await event(child.stdout, "data");
      child.stdout.on("data", (text) => {
        said += text;
      });
      if (kill) {
        await sleep(Math.random() * 60);
        child.kill("SIGKILL");
      }
      const [code, signal] = await exit;
      if (signal === "SIGKILL") killed++;
      return code === 0;
    };
    try {
      for (let n = 0; n < kills; n++) await run(true);
      expect(await run(false)).toBe(true);
      return {
        killed,
        orphans: said.split("orphan").length - 1,
        made: readFileSync(file, "utf8").split("\n").slice(0, -1),
      };
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  test("agents that are killed make no call twice, and find their orphans; without intents some are made twice (control)", async () => {
    const who = newSession();
    const { killed, made } = await agents(who, true, soak(2));
    expect(killed).toBeGreaterThan(0);
    expect(new Set(made).size).toBe(made.length);
    const { calls } = await createToolCalls(opened.store).list(who, { limit: 1000 });
    expect(calls).toHaveLength(25);
    expect(calls.filter(({ status }) => status === "begun")).toEqual([]);
    // What succeeded was made, and nothing else: abandoned calls were not.
    const succeeded = calls.filter(({ status }) => status === "succeeded").map(({ id }) => id);
    expect(succeeded.sort()).toEqual(made.map((n) => `call-${n}`).sort());

    for (let round = 0; ; round++) {
      expect(round).toBeLessThan(10);
      const control = await agents(newSession(), false, 4);
      if (new Set(control.made).size < control.made.length) break;
    }
  }, 600_000);

  test("an agent that dies between intent and outcome leaves an orphan, of which the next one decides", async () => {
    const who = newSession();
    const source = `
      import { openStore } from "groundstate";
      import "groundstate/drivers";
      import { createToolCalls } from "groundstate/tool-calls";
      const { url, who } = JSON.parse(process.argv[1]);
      const calls = createToolCalls(await openStore(url));
      await calls.once(who, { id: "a", tool: "t", arguments: {} }, () => process.kill(process.pid, "SIGKILL"));
    `;
    const given = JSON.stringify({ url: opened.url, who });
    const child = spawn(process.execPath, ["--input-type=module", "-e", source, given], {
      cwd: ROOT,
      stdio: "inherit",
    });
    expect((await event(child, "exit"))[1]).toBe("SIGKILL");
    const calls = createToolCalls(opened.store);
    expect((await calls.orphans(who)).calls.map(({ id, status }) => [id, status])).toEqual([["a", "begun"]]);
    const again = calls.once(who, { id: "a", tool: "t", arguments: {} }, () => 1);
    await expect(again).rejects.toMatchObject({
      code: "ALREADY_BEGUN",
      details: { call: { status: "begun" } },
    });
    await calls.abandon(who, "a", { reason: "the mail is not in the outbox" });
    expect((await calls.orphans(who)).calls).toEqual([]);
  });
});
