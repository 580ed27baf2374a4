import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { type ArtifactInfo, type Artifacts, createArtifacts } from "../../src/artifacts/index.js";
import { maintenanceScope, type SessionIdentity, type StateStore } from "../../src/index.js";
import { soak } from "../soak.js";
import { newSession, onSharedStores } from "../typed/stores.js";
import { report } from "./figures.js";
import { urlOfWorkers, workersHaveEnded } from "./killed-workers.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const CHUNK = 1024 * 1024;

/**
 * Puts versions of one artifact again and again, each of equal content with one before it or of content of its own, and deletes
 * one now and then. Meanwhile an upload of another artifact has stored its first commit, and waits for more.
 */
const WORKER = `
  import { createHash } from "node:crypto";
  import { openStore } from "groundstate";
  import { createArtifacts } from "groundstate/artifacts";
  import "groundstate/drivers";
  const { url, who, round } = JSON.parse(process.argv[1]);
  const artifacts = createArtifacts(await openStore(url));
  const bytes = (seed, size) => new Uint8Array(size).fill(seed + 1);
  async function* paused() {
    yield bytes(round, 4 * ${CHUNK});
    process.stdout.write("stored");
    yield bytes(round, 1);
    await new Promise(() => setInterval(() => {}, 1000));
  }
  const shaOf = (content) => createHash("sha256").update(content).digest("hex");
  async function goOn() {
    for (let n = 0; ; n++) {
      const content = bytes((round * 7 + n) % 5, n % 2 === 0 ? 20_000 : 2 * ${CHUNK} + n % 3);
      const { artifact } = await artifacts.put(who, { name: "often", content, metadata: { sha256: shaOf(content) } });
      if (n % 3 === 2) await artifacts.delete(who, "often", { version: artifact.version - 1 });
    }
  }
  await Promise.all([artifacts.put(who, { name: "cut " + round, content: paused() }), goOn()]);
`;

onSharedStores((opened) => {
  test("a process that is killed while it uploads leaves versions that are whole, exact counts, and what cleanup removes", async () => {
    const artifacts = createArtifacts(opened.store);
    const who = newSession();
    const rounds = soak(1);
    let removed = 0;
    for (let round = 0; round < rounds; round++) {
      await killed(urlOfWorkers(opened.url), who, round);
      await workersHaveEnded(opened.url);
      expect((await artifacts.list(who)).artifacts.map(({ name }) => name)).toEqual(["often"]);
      const versions = await versionsOf(artifacts, who);
      expect(versions.length).toBeGreaterThan(0);
      for (const version of versions) await expectWhole(artifacts, who, version);
      // The upload that waited has left its commit, and readers do not see it.
      expect(await opened.store.count(who, "artifact.upload/")).toBeGreaterThan(0);
      const scope = maintenanceScope({ reason: "test", tenant: who.tenant });
      removed += await artifacts.cleanup(scope, { abandonedMs: 0 });
      expect(await artifacts.cleanup(scope, { abandonedMs: 0 })).toBe(0);
      await expectExact(opened.store, who, versions);
    }
    expect(removed).toBeGreaterThanOrEqual(rounds);
    report("uploads, killed", { rounds, removed });
    // With the last version its content goes: no use was counted too often.
    await artifacts.delete(who, "often");
    expect(await opened.store.count(who, "")).toBe(0);
  }, 600_000);
});

/** Lets a worker upload, and kills it at a random moment after the first commit of the upload that waits. */
async function killed(url: string, who: SessionIdentity, round: number): Promise<void> {
  const args = ["--input-type=module", "-e", WORKER, JSON.stringify({ url, who, round })];
  const child: ChildProcess = spawn(process.execPath, args, {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exit = once(child, "exit");
  await Promise.race([once(child.stdout as NodeJS.ReadableStream, "data"), exit]);
  await sleep(40 + Math.random() * 60);
  child.kill("SIGKILL");
  expect((await exit)[1]).toBe("SIGKILL");
}

async function versionsOf(artifacts: Artifacts, who: SessionIdentity): Promise<ArtifactInfo[]> {
  const all: ArtifactInfo[] = [];
  for (let after: number | undefined; ; ) {
    const page = await artifacts.versions(who, "often", { after, limit: 1000 });
    all.push(...page.versions);
    if (page.next === undefined) return all;
    after = page.next;
  }
}

async function expectWhole(artifacts: Artifacts, who: SessionIdentity, { version, ...info }: ArtifactInfo) {
  const { bytes } = await artifacts.get(who, "often", { version });
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  expect([sha256, sha256, bytes.length]).toEqual([info.sha256, info.metadata.sha256, info.size]);
}

/** Of each content there is one record with the number of its versions, and its chunks; and nothing else. */
async function expectExact(store: StateStore, who: SessionIdentity, versions: readonly ArtifactInfo[]) {
  const uses = new Map<string, number>();
  for (const { sha256 } of versions) uses.set(sha256, (uses.get(sha256) ?? 0) + 1);
  const sizes = new Map(versions.map(({ sha256, size }) => [sha256, size]));
  const contents = await store.list(who, "artifact.content/");
  const counted = contents.map(({ kind, bytes }) => [
    kind.slice("artifact.content/".length),
    JSON.parse(Buffer.from(bytes).toString()).uses,
  ]);
  expect(new Map(counted as [string, number][])).toEqual(uses);
  const chunks = [...sizes.values()].reduce((sum, size) => sum + Math.ceil(size / CHUNK), 0);
  expect(await store.count(who, "artifact.chunk/")).toBe(chunks);
  expect(await store.count(who, "artifact.upload/")).toBe(0);
}
