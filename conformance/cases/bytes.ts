import assert from "node:assert/strict";
import { assertBytes, refused } from "../assertions/expect.js";
import type { ConformanceCase } from "../harness/case.js";

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
