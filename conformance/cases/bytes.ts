import assert from "node:assert/strict";
import { deflateRawSync, deflateSync, gzipSync } from "node:zlib";
import { maintenanceScope } from "../../src/index.js";
import { assertBytes, assertRecord, refused } from "../assertions/expect.js";
import type { ConformanceCase } from "../harness/case.js";

const TEXT = Buffer.from("text that a storage may take for something that it has made itself");

/** What a storage might decode, though it has not encoded it. */
const LOOK_ALIKES: Readonly<Record<string, Uint8Array>> = {
  ...Object.fromEntries(
    [
      "",
      "0",
      "1",
      " ",
      "null",
      "undefined",
      "nil",
      "NULL",
      "\\N",
      "EMPTY",
      "__EMPTY__",
      "{}",
      "[]",
      '""',
      "true",
    ].map((text) => [`the text ${JSON.stringify(text)}`, Buffer.from(text)]),
  ),
  ...Object.fromEntries(
    [
      "b64:",
      "base64:",
      "base64,",
      "hex:",
      "\\x",
      "0x",
      "gz:",
      "gzip:",
      "zlib:",
      "json:",
      "raw:",
      "bin:",
      "str:",
      "s:",
      "b:",
    ].flatMap((mark) => [
      [`hex behind ${mark}`, Buffer.from(`${mark}${TEXT.toString("hex")}`)],
      [`base64 behind ${mark}`, Buffer.from(`${mark}${TEXT.toString("base64")}`)],
    ]),
  ),
  ...Object.fromEntries(
    [0, 1, 0x0a, 0x20, 0x7f, 0x80, 0xff].map((byte) => [`one byte ${byte}`, Uint8Array.of(byte)]),
  ),
  hex: Buffer.from(TEXT.toString("hex")),
  base64: Buffer.from(TEXT.toString("base64")),
  "base64 of URLs": Buffer.from(TEXT.toString("base64url")),
  "percent signs": Buffer.from("%00%41+%2F"),
  JSON: Buffer.from(JSON.stringify({ type: "Buffer", data: [1, 2, 3] })),
  "JSON of binary data": Buffer.from(JSON.stringify({ $binary: { base64: "AAEC", subType: "00" } })),
  gzip: gzipSync(TEXT),
  zlib: deflateSync(TEXT),
  deflate: deflateRawSync(TEXT),
  "the beginning of gzip": Uint8Array.of(0x1f, 0x8b, 0x08),
  "the beginning of zstd": Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0x00),
  "the beginning of lz4": Uint8Array.of(0x04, 0x22, 0x4d, 0x18, 0x40),
  "a byte order mark": Buffer.concat([Uint8Array.of(0xef, 0xbb, 0xbf), TEXT]),
  "UTF-16": Uint8Array.of(0xff, 0xfe, 0x61, 0x00),
  "a NUL before and behind": Uint8Array.of(0, 1, 0),
  "spaces and line ends": Buffer.from(" \r\n\r text \n "),
  MessagePack: Uint8Array.of(0xc4, 0x01, 0xff),
};

/** Where storages cut: small inline values, pages of files, items, chunks, messages; each size, and one byte more where small. */
const CUTS: readonly number[] = [
  ...[15, 16, 63, 64, 126, 127, 128, 254, 255, 256, 511, 512, 1_000, 1_024, 2_000, 2_048, 4_000, 4_096],
  ...[4_097, 8_000, 8_192, 8_193, 16_384, 32_768, 64_000, 65_535, 65_536, 65_537, 100_000, 131_072],
  ...[196_608, 255 * 1024, 262_144, 393_216, 400_000, 409_600, 2 * 255 * 1024, 524_288, 800_000, 1_000_000],
];

/** Pieces that storages cut values into. */
const PIECES: readonly number[] = [1_000, 4_096, 8_192, 65_536, 255 * 1024, 256 * 1024, 400_000];
/** Of pieces: one slot holds one after the other, so that what is left of a longer value would show behind a shorter one. */
const IN_TURN: readonly number[] = [3, 1, 2, 0, 2, 1];

export const bytesCases: readonly ConformanceCase[] = [
  {
    id: "bytes/opaque",
    rule: "Bytes are opaque: every value of a byte comes back, and no bytes at all are a payload too.",
    async run({ store, identity, record }) {
      const owner = identity();
      const every = Uint8Array.from({ length: 512 }, (_, index) => index % 256);
      const notText = Uint8Array.of(0xff, 0xfe, 0x00, 0xc3, 0x28, 0x5c, 0x78);
      for (const bytes of [every, notText, new Uint8Array(), new Uint8Array(3)]) {
        await store.save(record(owner, "kind", { bytes }));
        assertBytes((await store.load(owner, "kind")).bytes, bytes, `${bytes.length} bytes`);
        assertBytes((await store.list(owner, ""))[0]?.bytes as Uint8Array, bytes, "the same in a list");
      }
    },
  },
  {
    id: "bytes/look-like-something",
    rule: "Bytes that look compressed, encoded, marked or like no bytes at all come back as they are, alone and in a list.",
    async run({ store, identity, record }) {
      const owner = identity();
      const saved = Object.entries(LOOK_ALIKES).map(([what, bytes]) =>
        record(owner, `kind/${what}`, { bytes }),
      );
      await store.commit(saved.map((each) => ({ op: "save", record: each })));
      const listed = new Map((await store.list(owner, "")).map((each) => [each.kind, each]));
      for (const each of saved) {
        assertRecord(await store.load(owner, each.kind), each, `bytes like ${each.kind}`);
        assertRecord(listed.get(each.kind), each, `bytes like ${each.kind} in a list`);
      }
    },
  },
  {
    id: "bytes/sizes",
    rule: "Payloads of every size come back whole, also where storages cut values into pieces.",
    async run({ store, identity, record, payload }) {
      const owner = identity();
      const whole = payload(CUTS.at(-1));
      const saved = CUTS.map((size, index) => {
        // Not all of one beginning, which a storage might take for one and the same.
        const bytes = whole.subarray((index % 7) * (size < 600_000 ? 1 : 0)).subarray(0, size);
        return record(owner, `kind/${String(index).padStart(3, "0")}`, { bytes });
      });
      await store.commit(saved.map((each) => ({ op: "save", record: each })));
      const listed = await store.list(owner, "kind/");
      assert.equal(listed.length, saved.length, "records in the list");
      for (const [index, each] of saved.entries()) assertRecord(listed[index], each, `${CUTS[index]} bytes`);
      assert.equal(await store.erase(owner, { prefix: "kind/" }), saved.length, "records erased");
    },
  },
  {
    id: "bytes/shorter-and-longer",
    rule: "Nothing is left of a longer payload behind a shorter one in its slot, overwritten or deleted in between.",
    async run({ store, identity, record, payload }) {
      const owner = identity();
      const whole = payload(1024 * 1024);
      for (const piece of PIECES)
        for (const [turn, times] of IN_TURN.entries()) {
          const size = Math.min(times * piece, whole.byteLength);
          const saved = record(owner, "kind", { bytes: whole.subarray(0, size), version: turn });
          if (turn === 4) await store.delete(owner, "kind");
          await store.save(saved);
          assertRecord(await store.load(owner, "kind"), saved, `${times} pieces of ${piece} bytes`);
        }
    },
  },
  {
    id: "bytes/memory-of-their-own",
    rule: "No two payloads that are handed out share memory, so one of them may be given away.",
    scans: "tenant",
    async run({ store, identity, record }) {
      const owner = identity();
      const saved = Array.from({ length: 4 }, (_, index) => record(owner, `kind/${index}`));
      await store.commit(saved.map((each) => ({ op: "save", record: each })));
      const scope = maintenanceScope({ reason: "conformance", tenant: owner.tenant });
      const found = await Promise.all([
        store.list(owner, ""),
        store.list(owner, "", { reverse: true }),
        store.listKind(scope, "kind/"),
        Promise.all(saved.map(({ kind }) => store.load(owner, kind))),
        Promise.all(saved.map(({ eventId }) => store.loadByEventId(owner, eventId))),
      ]);
      const buffers = found.flat().map(({ bytes }) => bytes.buffer);
      assert.equal(new Set(buffers).size, buffers.length, "buffers of payloads, each of which has one");
    },
  },
  {
    id: "bytes/views",
    rule: "Buffers, parts of a larger buffer and views on shared memory are payloads like any other.",
    async run({ store, identity, record, payload }) {
      const owner = identity();
      const whole = payload(64);
      const shared = new Uint8Array(new SharedArrayBuffer(64));
      shared.set(whole);
      const views = {
        Buffer: Buffer.from(whole),
        "pooled Buffer": Buffer.from("from the pool"),
        "part of a buffer": whole.subarray(7, 19),
        "empty part": whole.subarray(5, 5),
        "shared memory": shared,
        "part of shared memory": shared.subarray(3, 11),
      };
      for (const [what, bytes] of Object.entries(views)) {
        const expected = Uint8Array.from(bytes);
        await store.save(record(owner, "kind", { bytes }));
        assertBytes((await store.load(owner, "kind")).bytes, expected, what);
      }
    },
  },
  {
    id: "bytes/nothing-else",
    rule: "Anything but a Uint8Array is refused, other views and strings included.",
    async run({ store, identity, record }) {
      const owner = identity();
      const wrong: Record<string, unknown> = {
        "a string": "bytes",
        "an ArrayBuffer": new ArrayBuffer(4),
        "a Uint16Array": new Uint16Array(4),
        "a DataView": new DataView(new ArrayBuffer(4)),
        "a Uint8ClampedArray": new Uint8ClampedArray(4),
        "an array": [1, 2, 3],
        "a look-alike": { length: 1, byteLength: 1, 0: 1 },
        "JSON of a Buffer": Buffer.from("a").toJSON(),
        undefined: undefined,
        null: null,
      };
      for (const [what, bytes] of Object.entries(wrong)) {
        await refused("INVALID_RECORD", `${what} as bytes`, () =>
          store.save({ ...record(owner, "kind"), bytes: bytes as Uint8Array }),
        );
      }
      assert.equal(await store.find(owner, "kind"), undefined, "a refused save must write nothing");
    },
  },
  {
    id: "bytes/detached",
    rule: "A view whose buffer was detached is refused: it must not pass for an empty payload.",
    async run({ store, identity, record, payload }) {
      const owner = identity();
      const detached = payload();
      structuredClone(detached.buffer, { transfer: [detached.buffer] });
      await refused("INVALID_RECORD", "a detached view as bytes", () =>
        store.save(record(owner, "kind", { bytes: detached })),
      );
      assert.equal(await store.find(owner, "kind"), undefined, "a refused save must write nothing");
    },
  },
  {
    id: "bytes/copied-in",
    rule: "Bytes are copied when the call is made: changing or detaching the buffer later changes nothing.",
    async run({ store, identity, record, payload }) {
      const owner = identity();
      const [saved, committed, detached] = [payload(), payload(), payload()];
      const expected = [saved, committed, detached].map((bytes) => Uint8Array.from(bytes));
      const writes = [
        store.save(record(owner, "0", { bytes: saved })),
        store.commit([{ op: "save", record: record(owner, "1", { bytes: committed }) }]),
        store.save(record(owner, "2", { bytes: detached })),
      ];
      saved.fill(0);
      committed.fill(0);
      structuredClone(detached.buffer, { transfer: [detached.buffer] });
      await Promise.all(writes);
      saved.fill(1);
      for (const [index, bytes] of expected.entries()) {
        assertBytes((await store.load(owner, String(index))).bytes, bytes, "after the buffer was changed");
      }
    },
  },
  {
    id: "bytes/copied-out",
    rule: "Every record that is handed out has bytes of its own: changing them changes nothing elsewhere.",
    async run({ store, identity, record, payload }) {
      const owner = identity();
      const saved = record(owner, "kind", { bytes: payload() });
      const expected = Uint8Array.from(saved.bytes);
      await store.save(saved);
      const read = async () => [
        await store.load(owner, "kind"),
        ...(await store.list(owner, "")),
        await store.loadByEventId(owner, saved.eventId),
      ];
      const earlier = await read();
      for (const { bytes } of await read()) {
        bytes.fill(0);
        for (const each of [...earlier, ...(await read())]) {
          assertBytes(each.bytes, expected, "after another copy was changed");
        }
      }
    },
  },
  {
    id: "bytes/large",
    rule: "Records of a megabyte come back whole, alone and in a list.",
    async run({ store, identity, record, payload }) {
      const owner = identity();
      const saved = Array.from({ length: 3 }, (_, index) =>
        record(owner, `kind/${index}`, { bytes: payload(1024 * 1024) }),
      );
      await Promise.all(saved.map((each) => store.save(each)));
      const listed = await store.list(owner, "kind/");
      assert.equal(listed.length, 3, "records in the list");
      for (const [index, { bytes, kind }] of saved.entries()) {
        assertBytes((listed[index] as { bytes: Uint8Array }).bytes, bytes, `${kind} in the list`);
        assertBytes((await store.load(owner, kind)).bytes, bytes, kind);
      }
    },
  },
];
