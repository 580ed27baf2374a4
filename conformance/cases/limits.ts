import assert from "node:assert/strict";
import {
  type Change,
  type Identity,
  LIMITS,
  maintenanceScope,
  type NewRecord,
  type RecordKey,
  type StateStore,
  type StoreLimits,
} from "../../src/index.js";
import { assertRecord, refused } from "../assertions/expect.js";
import type { CaseContext, ConformanceCase } from "../harness/case.js";
import { identityOperations, kindOperations } from "../inputs/operations.js";

const MIB = 1024 * 1024;
const LONG_MS = 2_000;
const NAMES = ["tenant", "user", "session", "run"] as const;
/** Text that some database refuses, or stores as something else. */
const UNSTORABLE = ["a\0b", "\0", "a\ud800", "\udc00a", "a\ud800b"];

export const limitCases: readonly ConformanceCase[] = [
  {
    id: "limits/names",
    rule: "A tenant, user, session or run holds up to 255 UTF-8 bytes, counted in bytes and not in characters.",
    async run(context) {
      for (const field of NAMES) {
        for (const fill of ["x", "é", "€", "😀"]) {
          const longest = padded(context.unique(), fill, 255);
          await keeps(context, { identity: context.identity({ [field]: longest }) });
          await refusesSlot(
            context,
            { identity: context.identity({ [field]: `${longest}x` }) },
            `256 bytes as ${field}`,
          );
        }
      }
    },
  },
  {
    id: "limits/kind",
    rule: "A kind and a prefix hold up to 512 UTF-8 bytes.",
    scans: "tenant",
    async run(context) {
      const { store } = context;
      for (const fill of ["x", "é", "😀"]) {
        const identity = context.identity();
        const kind = padded("kind", fill, 512);
        await keeps(context, { identity, kind });
        const scope = maintenanceScope({ reason: "conformance", tenant: identity.tenant });
        assert.equal((await store.list(identity, kind)).length, 1, "list by a prefix of 512 bytes");
        assert.equal(await store.count(identity, kind), 1, "count by a prefix of 512 bytes");
        assert.equal((await store.listKind(scope, kind)).length, 1, "listKind by a prefix of 512 bytes");
        await refusesSlot(context, { identity, kind: `${kind}x` }, "a kind of 513 bytes");
        const tooLong = `${kind}x`;
        await refused("INVALID_RECORD", "list by 513 bytes", () => store.list(identity, tooLong));
        await refused("INVALID_RECORD", "count by 513 bytes", () => store.count(identity, tooLong));
        await refused("INVALID_RECORD", "listKind by 513 bytes", () => store.listKind(scope, tooLong));
      }
    },
  },
  {
    id: "limits/event-id",
    rule: "An event id holds up to 128 UTF-8 bytes and need not be a ULID.",
    async run(context) {
      const identity = context.identity();
      for (const fill of ["x", "é", "😀", " ", "'"]) {
        const eventId = padded(fill, fill, 128);
        await keeps(context, { identity, kind: `kind ${fill}`, eventId });
        assertRecord(
          await context.store.loadByEventId(identity, eventId),
          await context.store.load(identity, `kind ${fill}`),
          "an event id of 128 bytes",
        );
        await refusesContent(context, { eventId: `${eventId}x` }, "an event id of 129 bytes");
      }
    },
  },
  {
    id: "limits/all-at-once",
    rule: "Names, kind and event id may all be as long as they can be in one record.",
    async run(context) {
      const [tenant, user, session, run] = NAMES.map((name) =>
        padded(`${name}-${context.unique()}`, "😀", 255),
      );
      const identity = { tenant, user, session, run } as Identity;
      await keeps(context, {
        identity,
        kind: padded("kind", "😀", 512),
        eventId: padded("event", "😀", 128),
      });
    },
  },
  {
    id: "limits/text",
    rule: "Text that holds a NUL or a lone surrogate is refused in every field.",
    async run(context) {
      for (const text of UNSTORABLE) {
        const what = `${JSON.stringify(text)} as `;
        for (const field of NAMES)
          await refusesSlot(context, { identity: context.identity({ [field]: text }) }, what + field);
        await refusesSlot(context, { kind: text }, `${what}kind`);
        await refusesContent(context, { eventId: text }, `${what}event id`);
        await refused("INVALID_RECORD", `${what}expect`, () =>
          context.store.save(context.record(context.identity(), "kind"), { expect: text }),
        );
        await refused("INVALID_RECORD", `${what}prefix`, () => context.store.list(context.identity(), text));
      }
    },
  },
  {
    id: "limits/version",
    rule: "A version is a safe integer of 0 or more.",
    async run(context) {
      for (const version of [0, 1, Number.MAX_SAFE_INTEGER]) await keeps(context, { version });
      for (const version of [-1, 1.5, Number.NaN, 2 ** 53, Number.POSITIVE_INFINITY, "1", 1n, null]) {
        await refusesContent(context, { version: version as number }, `version ${version}`);
      }
    },
  },
  {
    id: "limits/updated-at",
    rule: "updatedAt is a valid Date in the years 1 to 9999, kept to the millisecond.",
    async run(context) {
      for (const time of [
        "0001-01-01T00:00:00.000Z",
        "1969-12-31T23:59:59.999Z",
        "9999-12-31T23:59:59.999Z",
      ]) {
        await keeps(context, { updatedAt: new Date(time) });
      }
      const tooEarly = new Date(Date.parse("0001-01-01T00:00:00.000Z") - 1);
      const tooLate = new Date(Date.parse("9999-12-31T23:59:59.999Z") + 1);
      for (const wrong of [tooEarly, tooLate, new Date(Number.NaN), Date.now(), "2026-01-01", null, {}]) {
        await refusesContent(context, { updatedAt: wrong as Date }, `updatedAt ${wrong}`);
      }
    },
  },
  {
    id: "limits/payload",
    rule: "A payload holds up to 1 MiB by default; one byte more is refused.",
    async run(context) {
      await keeps(context, { bytes: context.payload(MIB) });
      await refusesContent(context, { bytes: new Uint8Array(MIB + 1) }, "1 MiB and a byte");
    },
  },
  {
    id: "limits/max-bytes",
    rule: "maxBytes sets the largest payload of a store.",
    async run(context) {
      const small = await context.open({ maxBytes: 16 });
      const owner = context.identity();
      const fits = context.record(owner, "kind", { bytes: context.payload(16) });
      await small.save(fits);
      assertRecord(await small.load(owner, "kind"), fits, "16 bytes where maxBytes is 16");
      await refused("INVALID_RECORD", "17 bytes where maxBytes is 16", () =>
        small.save(context.record(owner, "kind", { bytes: context.payload(17) })),
      );
      const large = await context.open({ maxBytes: 2 * MIB });
      const larger = context.record(owner, "large", { bytes: context.payload(2 * MIB) });
      await large.save(larger);
      assertRecord(await large.load(owner, "large"), larger, "2 MiB where maxBytes is 2 MiB");
    },
  },
  {
    id: "limits/larger-than-a-page",
    rule: "A payload larger than what a database reads at once comes with the records around it, in every list and by its event id.",
    scans: "tenant",
    async run(context) {
      const store = await context.open({ maxBytes: 5 * MIB });
      const owner = context.identity();
      const bytes = new Uint8Array(5 * MIB).fill(7);
      const saved = [
        context.record(owner, "kind/0"),
        context.record(owner, "kind/1", { bytes }),
        context.record(owner, "kind/2"),
      ];
      for (const each of saved) await store.save(each);
      const scope = maintenanceScope({ reason: "conformance", tenant: owner.tenant });
      const kinds = saved.map(({ kind }) => kind);
      const listed = await store.list(owner, "kind/");
      assert.deepEqual(
        listed.map(({ kind }) => kind),
        kinds,
        "a list",
      );
      assertRecord(listed[1], saved[1] as NewRecord, "5 MiB in a list");
      const scanned = await store.listKind(scope, "kind/");
      assert.deepEqual(
        scanned.map(({ kind }) => kind),
        kinds,
        "a scan",
      );
      const headers = await store.list(owner, "kind/", { bytes: false });
      assert.deepEqual(
        headers.map(({ kind }) => kind),
        kinds,
        "a list without payloads",
      );
      assert.equal(await store.count(owner, "kind/"), kinds.length, "count");
    },
  },
  {
    id: "limits/largest-payload",
    rule: "Where maxBytes is 16 MiB a payload of 16 MiB is saved, and comes back whole, alone and in a list.",
    async run(context) {
      const store = await context.open({ maxBytes: 16 * MIB });
      const bytes = new Uint8Array(16 * MIB).fill(7);
      bytes.set(context.payload(64), bytes.length - 64);
      const saved = context.record(context.identity(), "kind", { bytes });
      const begun = performance.now();
      await store.save(saved);
      assertRecord(await store.load(saved.identity, "kind"), saved, "16 MiB");
      // Where that takes long, one more read of as much would take what time the case has.
      if (performance.now() - begun < LONG_MS)
        assertRecord((await store.list(saved.identity, ""))[0], saved, "16 MiB in a list");
      await store.save(context.record(saved.identity, "kind"), { expect: saved.eventId });
    },
  },
  {
    id: "limits/names-of-every-length",
    rule: "Names of every length are listed, counted, scanned and erased alike, in every place of a key.",
    bringsNeighbours: true,
    async run(context) {
      const { store, record } = context;
      for (const field of ["user", "session", "run", "kind"] as const) {
        const owner = context.identity({ run: "run" });
        const lengths = field === "kind" ? [...LENGTHS, ...LONG_KINDS] : LENGTHS;
        const saved = lengths.flatMap((length) =>
          ["x", "é"].map((fill) => {
            const name = padded(`k${fill}`, fill, length);
            return field === "kind" ? record(owner, name) : record({ ...owner, [field]: name }, "k");
          }),
        );
        await store.commit(saved.map((each) => ({ op: "save", record: each })));
        const scope = maintenanceScope({ reason: "conformance", tenant: owner.tenant });
        assert.equal(
          (await store.listKind(scope, "k")).length,
          saved.length,
          `a scan, ${field}s of every length`,
        );
        for (const { identity, kind, eventId } of saved) {
          const what = `with a ${field} of ${Buffer.byteLength(field === "kind" ? kind : (identity[field] ?? ""))} bytes`;
          const { tenant, user, session } = identity;
          const [[listed], count, sessions] = await Promise.all([
            store.list(identity, kind),
            store.count(identity, kind),
            store.listSessions({ tenant, user }, { prefix: session }),
          ]);
          assert.equal(listed?.eventId, eventId, `a list ${what}`);
          assert.ok(count > 0, `count ${what}`);
          assert.ok(
            sessions.some((each) => each.session === session),
            `listSessions ${what}`,
          );
        }
        await assertErased(store, saved, field);
        assert.deepEqual(
          await store.listKind(scope, "k"),
          [],
          `a scan after the erases, ${field}s of every length`,
        );
      }
    },
  },
  {
    id: "limits/commit-bytes",
    rule: "All payloads of a commit hold up to 16 MiB together; one byte more is refused and nothing is written.",
    async run({ store, identity, record }) {
      const owner = identity();
      const bytes = new Uint8Array(MIB).fill(7);
      const saves = Array.from({ length: 16 }, (_, index) => ({
        op: "save" as const,
        record: record(owner, `kind/${index}`, { bytes }),
      }));
      const oneMore = {
        op: "save" as const,
        record: record(owner, "kind/more", { bytes: new Uint8Array(1) }),
      };
      await refused("INVALID_RECORD", "a commit of 16 MiB and a byte", () =>
        store.commit([...saves, oneMore]),
      );
      assert.equal((await store.list(owner, "")).length, 0, "a refused commit must write nothing");
      await store.commit(saves);
      assert.equal((await store.list(owner, "")).length, 16, "a commit of 16 MiB is whole");
    },
  },
  {
    id: "limits/said",
    rule: "limits says what the store accepts: what it names is accepted, and more is not.",
    async run(context) {
      const { identity, record, payload, unique } = context;
      const store = await context.open({ maxBytes: 48, idempotencyWindowMs: 3_600_000 });
      const { limits } = store;
      assert.deepEqual(
        [limits.maxBytes, limits.idempotencyWindowMs],
        [48, 3_600_000],
        "what it was opened with",
      );
      assert.ok(Object.isFrozen(limits), "limits cannot be changed");
      const owner = identity();
      const scope = maintenanceScope({ reason: "conformance", tenant: owner.tenant });
      const kinds = (bytes: number) => padded("kind", "x", bytes);
      const ids = (bytes: number) => padded(unique(), "x", bytes);
      const dated = (time: number) => record(owner, "dated", { updatedAt: new Date(time) });
      const most: readonly (readonly [keyof StoreLimits, (beyond: number) => Promise<unknown>])[] = [
        ["nameBytes", (n) => store.list(identity({ user: padded(unique(), "x", limits.nameBytes + n) }), "")],
        ["kindBytes", (n) => store.find(owner, kinds(limits.kindBytes + n))],
        ["eventIdBytes", (n) => store.save(record(owner, "kind", { eventId: ids(limits.eventIdBytes + n) }))],
        ["maxBytes", (n) => store.save(record(owner, "kind", { bytes: payload(limits.maxBytes + n) }))],
        ["changes", (n) => store.commit(checksOf(identity(), limits.changes + n))],
        ["erases", (n) => store.commit(erasesOf(owner, limits.erases + n))],
        ["watchedSlots", async (n) => store.watch(slotsOf(owner, limits.watchedSlots + n)).return()],
        ["limit", (n) => store.list(owner, "", { limit: limits.limit + n })],
        ["limit", (n) => store.listKind(scope, "kind", { limit: limits.limit + n })],
        ["earliest", (n) => store.save(dated(limits.earliest - n))],
        ["latest", (n) => store.save(dated(limits.latest + n))],
      ];
      for (const [name, call] of most) {
        await call(0);
        await refused("INVALID_RECORD", `more than limits.${name}`, () => call(1));
      }
      assert.equal(limits.commitBytes, 16 * MIB, "limits.commitBytes");
    },
  },
  {
    id: "limits/defaults",
    rule: "A store that is opened without options accepts what every store does, 1 MiB of payload and 24 hours included.",
    async run({ store }) {
      const { payloadBytes: maxBytes, ...shared } = LIMITS;
      assert.deepEqual({ ...store.limits }, { ...shared, maxBytes }, "its limits");
    },
  },
  {
    id: "limits/limit",
    rule: "A limit is a whole number from 1 to 10,000.",
    async run({ store, identity }) {
      const owner = identity();
      const { tenant, user } = owner;
      const scope = maintenanceScope({ reason: "conformance", tenant });
      const calls: Record<string, (limit: number) => Promise<unknown>> = {
        list: (limit) => store.list(owner, "", { limit }),
        count: (limit) => store.count(owner, "", { limit }),
        listKind: (limit) => store.listKind(scope, "kind", { limit }),
        listSessions: (limit) => store.listSessions({ tenant, user }, { limit }),
      };
      for (const [name, call] of Object.entries(calls)) {
        for (const limit of [1, 10_000]) await call(limit);
        for (const limit of [0, -1, 10_001, 1.5, Number.NaN, "1", null] as number[])
          await refused("INVALID_RECORD", `${name} with limit ${limit}`, () => call(limit));
      }
    },
  },
];

/** Where columns, indexes and file names end. */
const LENGTHS = [3, 63, 64, 99, 100, 127, 128, 190, 191, 192, 200, 201, 249, 250, 254, 255];
const LONG_KINDS = [256, 257, 300, 383, 384, 400, 500, 511, 512];

/** Kinds by their prefix, runs with their session, and users and sessions one by one. */
async function assertErased(store: StateStore, saved: readonly NewRecord[], field: string): Promise<void> {
  const [{ identity: owner }] = saved as [NewRecord];
  const { run: _, ...session } = owner;
  if (field === "kind")
    return assert.equal(await store.erase(owner, { prefix: "k" }), saved.length, "kinds erased");
  if (field === "run")
    return assert.equal(await store.erase(session), saved.length, "runs erased with their session");
  for (const { identity } of saved) {
    const { run: __, ...one } = identity;
    assert.equal(await store.erase(one), 1, `records erased with their ${field}`);
  }
}

/** So many slots of one identity. */
function slotsOf(identity: Identity, count: number): RecordKey[] {
  return Array.from({ length: count }, (_, index) => ({ identity, kind: `kind/${index}` }));
}

/** A commit of so many checks that hold. */
function checksOf(identity: Identity, count: number): Change[] {
  return slotsOf(identity, count).map((slot) => ({ op: "check", ...slot, expect: null }));
}

/** A commit of so many erases, of sessions that hold nothing. */
function erasesOf({ tenant, user, session }: Identity, count: number): Change[] {
  return Array.from({ length: count }, (_, index) => ({
    op: "erase",
    identity: { tenant, user, session: `${session}/${index}` },
  }));
}

/** `start`, filled up to exactly this many bytes. */
function padded(start: string, fill: string, bytes: number): string {
  const room = bytes - Buffer.byteLength(start);
  const times = Math.floor(room / Buffer.byteLength(fill));
  return start + fill.repeat(times) + "x".repeat(room - times * Buffer.byteLength(fill));
}

async function keeps(context: CaseContext, fields: Partial<NewRecord>): Promise<void> {
  const record = context.record(fields.identity ?? context.identity(), fields.kind ?? "kind", fields);
  await context.store.save(record);
  assertRecord(await context.store.load(record.identity, record.kind), record, "a record at the limit");
}

/** A record whose slot cannot be: it is refused by whatever asks for it, and nothing is written. */
async function refusesSlot(context: CaseContext, fields: Partial<NewRecord>, what: string): Promise<void> {
  const record = context.record(fields.identity ?? context.identity(), fields.kind ?? "kind", fields);
  for (const { name, call } of fields.kind === undefined ? identityOperations : kindOperations) {
    // An erase names no run.
    if (name === "erase" && record.identity.run !== undefined) continue;
    await refused("INVALID_RECORD", `${name} with ${what}`, () => call(context.store, record));
  }
}

/** A record that its slot may not hold: the slot stays empty. */
async function refusesContent(context: CaseContext, fields: Partial<NewRecord>, what: string): Promise<void> {
  const record = context.record(context.identity(), "kind", fields);
  const { store } = context;
  await refused("INVALID_RECORD", `save of ${what}`, () => store.save(record));
  assert.equal(
    await store.find(record.identity, "kind"),
    undefined,
    `${what}: a refused save must write nothing`,
  );
}
