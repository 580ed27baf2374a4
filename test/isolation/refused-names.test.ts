import { afterEach, beforeAll, expect, test } from "vitest";
import { textIn } from "../../conformance/assertions/text-in.js";
import { identityOperations, kindOperations } from "../../conformance/inputs/operations.js";
import {
  type Identity,
  LIMITS,
  maintenanceScope,
  type NewRecord,
  newEventId,
  tenantIdentity,
  userIdentity,
} from "../../src/index.js";
import { failure } from "../store/store-rig.js";
import { onEveryStore } from "../typed/stores.js";

/** In every bad name, so that it would be seen if anything showed it. */
const SECRET = "s3cr3t";

const RESERVED = ["~", "~~", "~/", "~ ", "~\uff5e"].map((start) => start + SECRET);
const UNSTORABLE = ["\0", "\ud800", "\udc00", "\udfff\ud800"].flatMap((bad) => [
  bad + SECRET,
  SECRET + bad,
  SECRET + bad + SECRET,
]);
/** One byte more than there may be, and far more. */
const tooLong = (most: number) => [
  SECRET.padEnd(most + 1, "x"),
  `${SECRET.padEnd(most - 1, "x")}é`,
  `${SECRET.padEnd(most - 3, "x")}😀`,
  SECRET.repeat(100_000),
];
const BAD_NAMES = [...RESERVED, ...UNSTORABLE, ...tooLong(LIMITS.nameBytes)];
const BAD_KINDS = [...UNSTORABLE, ...tooLong(LIMITS.kindBytes)];
const BAD_IDS = [...UNSTORABLE, ...tooLong(LIMITS.eventIdBytes)];

const IDENTITY: Identity = { tenant: "acme", user: "ann", session: "s1" };

function record(fields: Partial<NewRecord> = {}): NewRecord {
  return { eventId: newEventId(), identity: IDENTITY, kind: "kind", bytes: new Uint8Array(1), ...fields };
}

/** Refused for what it is, without showing it. */
async function refused(what: string, call: () => Promise<unknown>): Promise<void> {
  const error = await failure(call());
  expect(error.code, what).toBe("INVALID_RECORD");
  expect(textIn(error), what).not.toContain(SECRET);
}

onEveryStore((opened) => {
  const seed = record();
  beforeAll(async () => {
    await opened.store.save(seed);
  });

  afterEach(async () => {
    const { store } = opened;
    const scope = maintenanceScope({ reason: "what is there", allTenants: true });
    const found = await Promise.all([store.listKind(scope, "k"), store.listKind(scope, SECRET)]);
    expect(found.flat().map(({ eventId }) => eventId)).toEqual([seed.eventId]);
  });

  test.each(["tenant", "user", "session", "run"])("a bad %s is refused by everything", async (field) => {
    const { store } = opened;
    for (const name of BAD_NAMES) {
      const identity = { ...IDENTITY, [field]: name };
      for (const { name: operation, call } of identityOperations) {
        if (operation === "erase" && field === "run") continue;
        await refused(operation, () => call(store, record({ identity })));
      }
    }
  });

  test("a bad kind, prefix or bound is refused by everything", async () => {
    const { store } = opened;
    const scope = maintenanceScope({ reason: "what is there", tenant: IDENTITY.tenant });
    for (const kind of BAD_KINDS) {
      for (const { name, call } of kindOperations) await refused(name, () => call(store, record({ kind })));
      await refused("list", () => store.list(IDENTITY, kind));
      await refused("list after", () => store.list(IDENTITY, "", { after: kind }));
      await refused("list before", () => store.list(IDENTITY, "", { before: kind }));
      await refused("listKind", () => store.listKind(scope, kind));
      const after = { identity: IDENTITY, kind };
      await refused("listKind after", () => store.listKind(scope, "kind", { after }));
    }
  });

  test("a bad event id is refused by everything", async () => {
    const { store } = opened;
    for (const id of BAD_IDS) {
      await refused("save", () => store.save(record({ eventId: id })));
      await refused("save onto it", () => store.save(record(), { expect: id }));
      await refused("delete of it", () => store.delete(IDENTITY, "kind", { expect: id }));
      await refused("loadByEventId", () => store.loadByEventId(IDENTITY, id));
      const check = { op: "check", identity: IDENTITY, kind: "kind", expect: id } as const;
      await refused("commit", () =>
        store.commit([{ op: "save", record: record({ kind: "kind/2" }) }, check]),
      );
    }
  });

  test("a bad place to go on from, and a bad tenant of a scope or of an identity of its own", async () => {
    const { store } = opened;
    const scope = maintenanceScope({ reason: "what is there", allTenants: true });
    for (const name of [...UNSTORABLE, ...tooLong(LIMITS.nameBytes)]) {
      for (const field of ["tenant", "user", "session", "run"]) {
        const after = { identity: { ...IDENTITY, [field]: name }, kind: "kind" };
        await refused("listKind", () => store.listKind(scope, "kind", { after }));
      }
    }
    for (const name of BAD_NAMES) {
      await refused("a scope", async () => maintenanceScope({ reason: "a test", tenant: name }));
      await refused("a tenant's identity", async () => tenantIdentity(name));
      await refused("a user's identity", async () => userIdentity(name, "ann"));
      await refused("a user's identity", async () => userIdentity("acme", name));
    }
  });
});
