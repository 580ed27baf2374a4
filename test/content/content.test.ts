import { expect, test } from "vitest";
import { MissingChunk, readChunks, writeChunks } from "../../src/content/chunks.js";
import { encodeValue, keyValues } from "../../src/content/keyed-value.js";
import { Outdated } from "../../src/content/outdated.js";
import { removeUnchanged } from "../../src/content/remove-unchanged.js";
import { ValuePool } from "../../src/content/value-pool.js";
import type { Change, EventId, SessionIdentity, StateStore } from "../../src/index.js";
import { newEventId } from "../../src/index.js";
import { transact } from "../../src/typed/index.js";
import { dyingAt, withMethods } from "../sessions/rig.js";
import { inMemory, newSession } from "../typed/stores.js";

const KINDS = { values: "doc.value/", chunks: "doc.chunk/", uploads: "doc.upload/" };
const BYTES = { version: 3, encode: (bytes: Uint8Array) => bytes, decode: (bytes: Uint8Array) => bytes };
const CHUNK = 64 * 1024;

inMemory((opened) => {
  const placeOf = (owner: SessionIdentity) => ({ owner, prefix: "doc.chunk/d/", chunkBytes: CHUNK });
  const always = (owner: SessionIdentity): Change => ({
    op: "check",
    identity: owner,
    kind: "doc",
    expect: null,
  });

  async function keyed(size: number, fill: number) {
    const value = await encodeValue(BYTES, new Uint8Array(size).fill(fill), "content");
    return keyValues([value], opened.store.limits)[0] as ReturnType<typeof keyValues>[number];
  }

  test("chunks are written from a stream, of which no more is held than a commit has, and read as a stream", async () => {
    const owner = newSession();
    let made = 0;
    let written = 0;
    let mostHeld = 0;
    const commit: StateStore["commit"] = async (changes, options) => {
      mostHeld = Math.max(mostHeld, made - written);
      const receipt = await opened.store.commit(changes, options);
      written += changes.length - 1;
      return receipt;
    };
    async function* pieces() {
      for (; made < 100; ) yield new Uint8Array(made === 99 ? 10 : CHUNK).fill(made++);
    }
    const store = withMethods(opened.store, { commit });
    const terms = { guard: always(owner), commitBytes: 8 * CHUNK };
    await writeChunks(store, placeOf(owner), pieces(), terms, {});
    expect(mostHeld).toBe(8);
    let [read, at] = [0, 0];
    for await (const chunk of readChunks(opened.store, placeOf(owner), 99 * CHUNK + 10, {})) {
      expect(chunk[0]).toBe(at++);
      read += chunk.length;
    }
    expect(read).toBe(99 * CHUNK + 10);
  });

  test("a chunk that is missing or has another size is noticed, and none is written where the guard does not hold", async () => {
    const owner = newSession();
    const place = placeOf(owner);
    const read = async (size: number) => {
      for await (const _ of readChunks(opened.store, place, size, {}));
    };
    const pieces = [new Uint8Array(CHUNK), new Uint8Array(5)];
    await writeChunks(opened.store, place, pieces, { guard: always(owner), commitBytes: CHUNK }, {});
    await read(CHUNK + 5);
    await expect(read(CHUNK + 6)).rejects.toMatchObject({ code: "CORRUPT" });
    await expect(read(3 * CHUNK)).rejects.toThrow();
    await expect(read(CHUNK)).resolves.toBeUndefined();
    await opened.store.delete(owner, `${place.prefix}000000`);
    await expect(read(CHUNK + 5)).rejects.toBeInstanceOf(MissingChunk);
    await opened.store.save({ eventId: newEventId(), identity: owner, kind: "doc", bytes: new Uint8Array() });
    const other = { ...place, prefix: "doc.chunk/other/" };
    const refused = writeChunks(
      opened.store,
      other,
      pieces,
      { guard: always(owner), commitBytes: CHUNK },
      {},
    );
    await expect(refused).rejects.toMatchObject({ code: "CONDITION_FAILED" });
    expect(await opened.store.count(owner, other.prefix)).toBe(0);
  });

  test("a value of any wrapper is seen whole or not at all, is stored once, and goes with its chunks unless it is used again", async () => {
    const owner = newSession();
    const pool = (store = opened.store) => new ValuePool(store, owner, KINDS);
    const large = await keyed(3_000_000, 7);
    let upload: EventId | undefined;
    for (let call = 1; upload === undefined; call++) {
      upload = await pool(dyingAt(opened.store, "commit", call))
        .upload(large, Date.now(), {})
        .catch(() => undefined);
      expect(await pool().read(large.key, {})).toBeUndefined();
    }
    const use = (given = large) => transact(opened.store, (transaction) => pool().use(transaction, given));
    await expect(use({ ...large, upload: "another" })).rejects.toBeInstanceOf(Outdated);
    await use({ ...large, upload });
    expect(await opened.store.count(owner, KINDS.uploads)).toBe(0);
    const chunks = await opened.store.count(owner, KINDS.chunks);
    await pool().upload(large, Date.now(), {});
    expect(await opened.store.count(owner, "doc.")).toBe(chunks + 1);
    const found = await pool().read(large.key, {});
    expect(found?.version).toBe(3);
    expect(Buffer.compare(found?.bytes ?? new Uint8Array(), large.bytes)).toBe(0);

    const seen = (await opened.store.find(owner, KINDS.values + large.key))?.eventId as string;
    await use();
    const removal = pool().removal(large.key, seen);
    expect(await removeUnchanged(opened.store, [removal], [], {})).toEqual({ removed: 0, outdated: false });
    const now = (await opened.store.find(owner, KINDS.values + large.key))?.eventId as string;
    const again = await removeUnchanged(opened.store, [pool().removal(large.key, now)], [], {});
    expect(again.removed).toBe(1);
    expect(await opened.store.count(owner, "doc.")).toBe(0);
  });
});
