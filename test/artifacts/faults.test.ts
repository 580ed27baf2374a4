import { describe, expect, test } from "vitest";
import { type Artifacts, createArtifacts } from "../../src/artifacts/index.js";
import { maintenanceScope, newEventId, type SessionIdentity, type StateStore } from "../../src/index.js";
import { dyingAt, manualClock, withMethods } from "../sessions/rig.js";
import { inMemory, newSession } from "../typed/stores.js";
import { expectAllRejected } from "../wrappers/rejections.js";
import { bytesOf, collected, streamOf } from "./rig.js";

const MIB = 1024 * 1024;
const HOUR = 3_600_000;
/** More than two commits of chunks. */
const LARGE = bytesOf(9 * MIB + 5);

inMemory((opened) => {
  const artifacts = (store = opened.store) => createArtifacts(store);
  const scopeOf = ({ tenant }: SessionIdentity) => maintenanceScope({ reason: "test", tenant });

  test("a put that a crash cut off anywhere is seen whole or not at all, and cleanup removes what it left", async () => {
    const who = newSession();
    const clock = manualClock();
    const mine = (store: StateStore) => createArtifacts(store, { clock });
    const kept = await mine(opened.store).put(who, { name: "a", content: LARGE.subarray(0, 3 * MIB) });
    const before = await opened.store.count(who, "");
    let left = 0;
    for (let call = 1; ; call++) {
      const name = `n-${call}`;
      const put = mine(dyingAt(opened.store, "commit", call)).put(who, { name, content: LARGE });
      const died = await put.then(
        () => false,
        () => true,
      );
      if (!died) {
        expect(Buffer.compare((await mine(opened.store).get(who, name)).bytes, LARGE)).toBe(0);
        break;
      }
      left += call > 1 ? 1 : 0;
      expect(await mine(opened.store).find(who, name)).toBeUndefined();
      expect((await mine(opened.store).list(who)).artifacts).toEqual([kept.artifact]);
    }
    expect(left).toBeGreaterThan(2);
    const cleanup = (options = {}) => mine(opened.store).cleanup(scopeOf(who), options);
    clock.forward(HOUR - 1);
    expect(await cleanup()).toBe(0);
    clock.forward(1);
    expect(await cleanup({ limit: 1 })).toBe(1);
    expect(await cleanup()).toBe(left - 1);
    expect(await mine(opened.store).delete(who, `n-${left + 2}`)).toBe(true);
    expect(await opened.store.count(who, "")).toBe(before);
    expect(await mine(opened.store).cleanup(scopeOf(who), { abandonedMs: 0 })).toBe(0);
  });

  test("a deletion that a crash cut off leaves what cleanup finds, and what is still used is whole", async () => {
    const who = newSession();
    await artifacts().put(who, { name: "a", content: LARGE });
    await artifacts().put(who, { name: "b", content: LARGE });
    expect(await artifacts().delete(who, "a")).toBe(true);
    expect(await artifacts().cleanup(scopeOf(who), { abandonedMs: 0 })).toBe(0);
    expect(Buffer.compare((await artifacts().get(who, "b")).bytes, LARGE)).toBe(0);
    // The version is gone with the first commit.
    expect(await artifacts(dyingAt(opened.store, "commit", 2)).delete(who, "b", { version: 1 })).toBe(true);
    expect(await artifacts().find(who, "b")).toBeUndefined();
    expect(await opened.store.count(who, "artifact.chunk/")).toBe(10);
    expect(await artifacts().cleanup(scopeOf(who), { abandonedMs: 0 })).toBe(1);
    expect(await opened.store.count(who, "")).toBe(0);
  });

  test("an upload that goes on slowly is not abandoned; one whose source pauses too long is, and says so", async () => {
    const who = newSession();
    const clock = manualClock();
    const mine = createArtifacts(opened.store, { clock });
    const put = (pauses: number) => {
      async function* slowly() {
        yield LARGE.subarray(0, 2 * MIB);
        for (let at = 2 * MIB; at < 2 * MIB + 5; at++) {
          clock.forward(pauses);
          await mine.cleanup(scopeOf(who));
          yield LARGE.subarray(at, at + 1);
        }
      }
      return mine.put(who, { name: "a", content: slowly() });
    };
    expect((await put(HOUR - 1)).artifact.size).toBe(2 * MIB + 5);
    await expect(put(HOUR)).rejects.toMatchObject({ code: "UNAVAILABLE", details: { reason: "busy" } });
    expect((await mine.versions(who, "a")).versions).toHaveLength(1);
    await mine.delete(who, "a");
    expect(await opened.store.count(who, "")).toBe(0);
  });

  test("a source that throws, one that gives no bytes and an abort end a put at once, and leave nothing", async () => {
    const who = newSession();
    const failure = new Error("the disk is gone");
    async function* failing() {
      yield LARGE.subarray(0, 6 * MIB);
      throw failure;
    }
    async function* wrong() {
      yield LARGE.subarray(0, 6 * MIB);
      yield "text" as unknown as Uint8Array;
    }
    let wasStopped = false;
    const hanging = {
      pieces: [LARGE.subarray(0, 6 * MIB)],
      [Symbol.asyncIterator]() {
        return this;
      },
      next(): Promise<IteratorResult<Uint8Array>> {
        const value = this.pieces.pop();
        if (value !== undefined) return Promise.resolve({ done: false, value });
        controller.abort(new Error("enough"));
        return new Promise(() => {});
      },
      return(): Promise<IteratorResult<Uint8Array>> {
        wasStopped = true;
        return new Promise(() => {});
      },
    };
    const controller = new AbortController();
    await expect(artifacts().put(who, { name: "a", content: failing() })).rejects.toBe(failure);
    await expect(artifacts().put(who, { name: "a", content: wrong() })).rejects.toMatchObject({
      code: "INVALID_RECORD",
      details: { field: "content" },
    });
    const { signal } = controller;
    await expect(artifacts().put(who, { name: "a", content: hanging }, { signal })).rejects.toThrow("enough");
    expect(wasStopped).toBe(true);
    const source = streamOf(LARGE, MIB);
    const dying = withMethods(opened.store, { commit: () => Promise.reject(new Error("no")) });
    await expect(artifacts(dying).put(who, { name: "a", content: source })).rejects.toThrow("no");
    expect(source.state.isStopped).toBe(true);
    expect(await opened.store.count(who, "")).toBe(0);
  });

  test("a source is never far ahead of what is stored, and a reader is never far behind what is read", async () => {
    const who = newSession();
    let [given, stored, mostAhead] = [0, 0, 0];
    async function* source() {
      for (; given < LARGE.length; ) {
        const piece = LARGE.subarray(given, given + 100_000);
        given += piece.length;
        mostAhead = Math.max(mostAhead, given - stored);
        yield piece;
      }
    }
    const commit: StateStore["commit"] = async (changes, options) => {
      const receipt = await opened.store.commit(changes, options);
      for (const change of changes) if (change.op === "save") stored += change.record.bytes.length;
      return receipt;
    };
    await artifacts(withMethods(opened.store, { commit })).put(who, { name: "a", content: source() });
    expect(mostAhead).toBeLessThanOrEqual(4 * MIB + 2 * 100_000);
    let [read, used, mostRead] = [0, 0, 0];
    const find = (async (...args: Parameters<StateStore["find"]>) => {
      const found = await opened.store.find(...args);
      read += found?.bytes.length ?? 0;
      mostRead = Math.max(mostRead, read - used);
      return found;
    }) as StateStore["find"];
    for await (const piece of artifacts(withMethods(opened.store, { find })).stream(who, "a"))
      used += piece.length;
    expect(used).toBe(LARGE.length);
    expect(mostRead).toBeLessThanOrEqual(5 * MIB);
  });

  test("an abort ends a download, and one whose version is deleted meanwhile is NOT_FOUND", async () => {
    const who = newSession();
    await artifacts().put(who, { name: "a", content: LARGE });
    const controller = new AbortController();
    const { signal } = controller;
    let read = 0;
    const reading = async (after: () => unknown) => {
      read = 0;
      for await (const piece of artifacts().stream(who, "a", { signal })) {
        read += piece.length;
        await after();
      }
    };
    await expect(reading(() => artifacts().delete(who, "a"))).rejects.toMatchObject({ code: "NOT_FOUND" });
    expect(read).toBe(4 * MIB);
    await artifacts().put(who, { name: "a", content: LARGE });
    await expect(reading(() => controller.abort(new Error("enough")))).rejects.toThrow("enough");
    expect(read).toBe(MIB);
  });

  describe("content that is not what was put is CORRUPT at the chunk where it is", () => {
    const damages: Record<string, (chunks: Uint8Array[]) => void> = {
      "a byte": (chunks) => {
        const changed = Buffer.from(chunks[2] as Uint8Array);
        changed[7] = (changed[7] as number) ^ 1;
        chunks[2] = changed;
      },
      "the size": (chunks) => {
        chunks[2] = (chunks[2] as Uint8Array).subarray(1);
      },
      "the content of another chunk": (chunks) => {
        chunks[2] = chunks[3] as Uint8Array;
      },
    };
    test.each(Object.entries(damages))("%s", async (_, damage) => {
      const who = newSession();
      await artifacts().put(who, { name: "a", content: LARGE });
      const records = await opened.store.list(who, "artifact.chunk/");
      const chunks = records.map(({ bytes }) => bytes);
      damage(chunks);
      const { kind, version } = records[2] as (typeof records)[0];
      await opened.store.save({
        eventId: newEventId(),
        identity: who,
        kind,
        version,
        bytes: chunks[2] as Uint8Array,
      });
      await expectCorrupt(who, kind, 2 * MIB);
    });

    test("chunks that all fit each other, and not the SHA-256", async () => {
      const [who, other] = [newSession(), newSession()];
      await artifacts().put(who, { name: "a", content: LARGE });
      await artifacts().put(other, { name: "a", content: bytesOf(LARGE.length, 2) });
      const mine = await opened.store.list(who, "artifact.chunk/", { bytes: false });
      const others = await opened.store.list(other, "artifact.chunk/");
      for (const [at, { bytes, version }] of others.entries())
        await opened.store.save({ ...(mine[at] as (typeof mine)[0]), eventId: newEventId(), bytes, version });
      // The last piece is not handed out.
      await expectCorrupt(who, mine[9]?.kind as string, 9 * MIB);
    });

    test("a chunk that is missing", async () => {
      const who = newSession();
      await artifacts().put(who, { name: "a", content: LARGE });
      const [, chunk] = await opened.store.list(who, "artifact.chunk/", { bytes: false });
      await opened.store.delete(who, chunk?.kind as string);
      await expectCorrupt(who, chunk?.kind as string, MIB);
    });

    async function expectCorrupt(who: SessionIdentity, kind: string, readable: number) {
      const refusal = { code: "CORRUPT", details: { at: { identity: who, kind } } };
      let read = 0;
      const stream = async () => {
        for await (const piece of artifacts().stream(who, "a")) read += piece.length;
      };
      await expectAllRejected({ stream, get: () => artifacts().get(who, "a") }, refusal);
      expect(read).toBeLessThanOrEqual(readable);
      // It can be deleted all the same.
      expect(await artifacts().delete(who, "a")).toBe(true);
      expect(await opened.store.count(who, "")).toBe(0);
    }
  });

  test("a name with thousands of versions is deleted in pieces, and what is put meanwhile stays", async () => {
    const who = newSession();
    for (let n = 0; n < 230; n++) await artifacts().put(who, { name: "a", content: `${n % 7}` });
    let pieces = 0;
    const commit: StateStore["commit"] = async (changes, options) => {
      if (++pieces === 2) await artifacts().put(who, { name: "a", content: "meanwhile" });
      return opened.store.commit(changes, options);
    };
    expect(await artifacts(withMethods(opened.store, { commit })).delete(who, "a")).toBe(true);
    const { versions } = await artifacts().versions(who, "a");
    expect(versions.map(({ version }) => version)).toEqual([231]);
    expect((await artifacts().stat(who, "a")).version).toBe(231);
    expect(await opened.store.count(who, "artifact.content/")).toBe(1);
  });

  const refused: readonly [
    field: string,
    what: string,
    call: (mine: Artifacts, who: SessionIdentity) => unknown,
  ][] = [
    ["name", "none", (mine, who) => mine.put(who, { content: "" } as never)],
    ["name", "too long", (mine, who) => mine.put(who, { name: "x".repeat(256), content: "" })],
    ["content", "none", (mine, who) => mine.put(who, { name: "a" } as never)],
    ["content", "an object", (mine, who) => mine.put(who, { name: "a", content: {} as never })],
    ["contentType", "empty", (mine, who) => mine.put(who, { name: "a", content: "", contentType: "" })],
    [
      "metadata",
      "large",
      (mine, who) => mine.put(who, { name: "a", content: "", metadata: { a: "x".repeat(17_000) } }),
    ],
    ["expect", "negative", (mine, who) => mine.put(who, { name: "a", content: "", expect: -1 })],
    [
      "artifact",
      "a further field",
      (mine, who) => mine.put(who, { name: "a", content: "", size: 1 } as never),
    ],
    ["version", "zero", (mine, who) => mine.get(who, "a", { version: 0 })],
    ["limit", "too many", (mine, who) => mine.list(who, { limit: 1_001 })],
    ["session", "of a user", (mine, { tenant, user }) => mine.list({ tenant, user, session: "~" })],
  ];
  test.each(refused)("%s is refused: %s", async (field, _, call) => {
    const who = newSession();
    await expect((async () => call(artifacts(), who))()).rejects.toMatchObject({
      code: "INVALID_RECORD",
      details: { field },
    });
    expect(await opened.store.count(who, "")).toBe(0);
  });

  test("collected pieces are the content", async () => {
    const who = newSession();
    await artifacts().put(who, { name: "a", content: LARGE });
    expect(Buffer.compare(await collected(artifacts().stream(who, "a")), LARGE)).toBe(0);
  });
});
