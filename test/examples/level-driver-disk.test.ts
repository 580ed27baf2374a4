import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { ClassicLevel } from "classic-level";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { isSoak, soak } from "../soak.js";
import { freshFolder, IDENTITY, open, recordOf, startProcess } from "./level-rig.js";

const whyNoLimit = reason();

describe("a kill", () => {
  test(
    "takes nothing that was acknowledged",
    async () => {
      const folder = freshFolder();
      for (let round = 0; round < (isSoak ? soak(5) : 2); round++) {
        const acknowledged = await killWhileSaving(folder, round, "after");
        expect(acknowledged.length).toBeGreaterThanOrEqual(100);
        expect(await missing(folder, acknowledged), `round ${round}`).toEqual([]);
      }
    },
    soak(120_000),
  );

  test("takes what is said to be saved before it is", async () => {
    const folder = freshFolder();
    let lost = 0;
    for (let round = 0; round < 20 && lost === 0; round++) {
      lost = (await missing(folder, await killWhileSaving(folder, round, "before"))).length;
    }
    expect(lost).toBeGreaterThan(0);
  }, 120_000);

  /** What eight writers said, `before` or `after` each save was acknowledged, until they were killed. */
  async function killWhileSaving(folder: string, round: number, when: "before" | "after"): Promise<string[]> {
    const { child, said, ended } = startProcess(
      `
        const store = createStore(await LevelDriver.open(args.folder));
        const write = async (writer) => {
          for (let n = 0; ; n++) {
            const eventId = [args.round, writer, n].join("-");
            const bytes = new TextEncoder().encode(eventId);
            const saved = store.save({ eventId, identity: args.identity, kind: "kind/" + eventId, bytes });
            if (args.when === "after") await saved;
            say(eventId);
            await saved;
          }
        };
        await Promise.all(Array.from({ length: 8 }, (_, writer) => write(writer)));
      `,
      { folder, round, when, identity: IDENTITY },
    );
    while (said.length < 100 && child.exitCode === null) await Promise.race([once(child, "said"), ended]);
    child.kill("SIGKILL");
    await ended;
    expect(child.signalCode).toBe("SIGKILL");
    return said;
  }

  /** Those of these events that are not there as they were saved, or not recognised when they are sent again. */
  async function missing(folder: string, events: readonly string[]): Promise<string[]> {
    await using store = await open(folder);
    const found = await store.list(IDENTITY, "kind/");
    const kinds = new Map(found.map(({ kind, bytes }) => [kind, new TextDecoder().decode(bytes)]));
    const lost = events.filter((eventId) => kinds.get(`kind/${eventId}`) !== eventId);
    const again = await Promise.all(events.map((eventId) => store.save(recordOf(eventId))));
    return [...lost, ...again.filter(({ duplicate }) => !duplicate).map(({ eventId }) => eventId)];
  }
});

// What a process has written outlives it whether or not it is on the disk, so a kill does not tell.
test("every batch is on the disk before it is acknowledged", async () => {
  const batch = vi.spyOn(ClassicLevel.prototype, "batch");
  onTestFinished(() => batch.mockRestore());
  await using store = await open(freshFolder());
  for (let n = 0; n < 3; n++) {
    batch.mockClear();
    await Promise.all(Array.from({ length: 20 }, (_, i) => store.save(recordOf(`${n}-${i}`))));
    await store.erase(IDENTITY);
    const calls: readonly unknown[][] = batch.mock.calls;
    expect(calls.map(([, options]) => options)).toEqual([{ sync: true }, { sync: true }]);
  }
});

describe.skipIf(whyNoLimit !== undefined)(`after a write that failed (${whyNoLimit ?? "prlimit"})`, () => {
  const LIMIT = `
    import { execFileSync } from "node:child_process";
    const limit = (size) => execFileSync("prlimit", ["--pid", String(process.pid), "--fsize=" + size + ":unlimited"]);
  `;

  test("what is acknowledged is there when it is opened again", async () => {
    const folder = freshFolder();
    const { said, ended } = startProcess(
      `${LIMIT}
        const store = createStore(await LevelDriver.open(args.folder));
        const save = (eventId, bytes) =>
          store.save({ eventId, identity: args.identity, kind: eventId, bytes }).then(() => "saved", ({ code }) => code);
        const small = new Uint8Array(5_000);
        say(await save("before", small));
        limit(100_000);
        say(await save("large", new Uint8Array(200_000)));
        limit("unlimited");
        for (const eventId of ["first", "second", "large"]) say(await save(eventId, small));
        await store.close();
      `,
      { folder, identity: IDENTITY },
    );
    await ended;
    expect(said).toEqual(["saved", "OUTCOME_UNKNOWN", "saved", "saved", "saved"]);
    await using store = await open(folder);
    const kinds = (await store.list(IDENTITY, "")).map(({ kind }) => kind);
    expect(kinds).toEqual(["before", "first", "large", "second"]);
  });

  test("LevelDB that goes on as it is loses what it acknowledges", async () => {
    const folder = freshFolder();
    const { said, ended } = startProcess(
      `${LIMIT}
        import { ClassicLevel } from "classic-level";
        const db = new ClassicLevel(args.folder);
        const put = (key, size) =>
          db.batch([{ type: "put", key, value: "x".repeat(size) }], { sync: true }).then(() => "saved", () => "failed");
        say(await put("before", 5_000));
        limit(100_000);
        say(await put("large", 200_000));
        limit("unlimited");
        for (const key of ["first", "second"]) say(await put(key, 5_000));
        await db.close();
      `,
      { folder },
    );
    await ended;
    expect(said).toEqual(["saved", "failed", "saved", "saved"]);
    const db = new ClassicLevel(folder);
    expect(await db.keys().all()).toEqual(["before"]);
    await db.close();
  });
});

function reason(): string | undefined {
  try {
    execFileSync("prlimit", ["--version"], { stdio: "ignore" });
    return undefined;
  } catch {
    return "it takes prlimit, of util-linux";
  }
}
