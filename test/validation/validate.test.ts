import { describe, expect, test } from "vitest";
import { isStateError } from "../../src/contract/errors.js";
import { LIMITS } from "../../src/contract/limits.js";
import type { Change } from "../../src/contract/store.js";
import { tenantIdentity, userIdentity } from "../../src/identity/identity.js";
import { maintenanceScope, validateScope } from "../../src/identity/scope.js";
import {
  readLimit,
  readRecordKey,
  readSignal,
  validateIdentity,
  validateRecord,
  validateSessionIdentity,
} from "../../src/validation/validate.js";
import { validateCommit } from "../../src/validation/validate-commit.js";
import { readEventId, readKind, readPrefix } from "../../src/validation/validate-text.js";
import { IDENTITY } from "../store/store-rig.js";

const LIMIT = { now: 5 };
const RECORD = { eventId: "e1", identity: IDENTITY, kind: "note", bytes: new Uint8Array() };
const FOUR = "\u{1F600}";
const MIB = 1024 * 1024;

/** The code and field of the error that it throws. */
function refusal(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (isStateError(error, "INVALID_RECORD") || isStateError(error, "IDENTITY_REQUIRED")) {
      return `${error.code} ${error.details.field}`;
    }
    throw error;
  }
  return "accepted";
}

/** Texts of exactly so many bytes, in characters of one, two, three and four bytes. */
function textsOf(bytes: number): string[] {
  return ["a", "ä", "\uFFFF", FOUR].map((character) => {
    const size = Buffer.byteLength(character);
    return character.repeat(Math.floor(bytes / size)) + "a".repeat(bytes % size);
  });
}

const TEXTS: Readonly<Record<string, [(text: unknown) => unknown, number]>> = {
  tenant: [(tenant) => validateIdentity({ ...IDENTITY, tenant }), 255],
  user: [(user) => validateIdentity({ ...IDENTITY, user }), 255],
  session: [(session) => validateIdentity({ ...IDENTITY, session }), 255],
  run: [(run) => validateIdentity({ ...IDENTITY, run }), 255],
  kind: [(kind) => readKind(kind), 512],
  kindPrefix: [(prefix) => readPrefix(prefix), 512],
  eventId: [(id) => readEventId(id), 128],
};

describe.each(Object.entries(TEXTS))("%s", (field, [read, bytes]) => {
  test(`is at most ${bytes} UTF-8 bytes, in whatever characters`, () => {
    for (const text of textsOf(bytes))
      expect([text.length, refusal(() => read(text))]).toEqual([text.length, "accepted"]);
    for (const text of [...textsOf(bytes + 1), "a".repeat(1_000_000)]) {
      expect([text.length, refusal(() => read(text))]).toEqual([text.length, `INVALID_RECORD ${field}`]);
    }
  });

  test("is text that every database stores alike: no NUL, no lone surrogate, nothing but a string", () => {
    for (const bad of [
      "\0",
      "a\0",
      "\uD800",
      "a\uDBFFa",
      "\uDC00",
      "\uDC00\uD800",
      7,
      {},
      ["a"],
      true,
      Symbol("a"),
      new String("a"),
    ]) {
      expect([typeof bad, refusal(() => read(bad))]).toEqual([typeof bad, `INVALID_RECORD ${field}`]);
    }
    for (const fine of ["\u0001", "\uD83D\uDE00", "\uFFFE", " ", "%", "../a", "__proto__"]) {
      expect([fine, refusal(() => read(fine))]).toEqual([fine, "accepted"]);
    }
  });

  test("when it is empty or missing", () => {
    const isName = /^(tenant|user|session)$/.test(field);
    const mayBeEmpty = field === "run" || field === "kindPrefix";
    const expected = isName ? `IDENTITY_REQUIRED ${field}` : `INVALID_RECORD ${field}`;
    expect(refusal(() => read(""))).toBe(mayBeEmpty ? "accepted" : expected);
    expect(refusal(() => read(undefined))).toBe(field === "run" ? "accepted" : expected);
    expect(refusal(() => read(null))).toBe(expected);
  });
});

describe("an identity", () => {
  test("comes back with its four parts, and a run that is empty when there is none", () => {
    for (const none of [{}, { run: undefined }, { run: "" }]) {
      expect(validateIdentity({ ...IDENTITY, ...none })).toEqual({ ...IDENTITY, run: "" });
    }
    expect(validateIdentity({ ...IDENTITY, run: "r" })).toEqual({ ...IDENTITY, run: "r" });
  });

  test("holds nothing but its four parts; what else there is, is named beside them", () => {
    const message = (more: object) => {
      try {
        validateIdentity({ ...IDENTITY, ...more });
      } catch (error) {
        return (error as Error).message;
      }
      return "accepted";
    };
    expect(message({ runId: "r" })).toBe(
      "identity must be an object without runId (did you mean run?): its fields are tenant, user, session, run",
    );
    expect(message({ tennant: "r" })).toContain("without tennant (did you mean tenant?)");
    expect(message({ anything: "r" })).toMatch(/without anything: its fields/);
    expect(message({ "ann@acme.example": "r" })).not.toContain("ann@");
  });

  test("that is not an object counts as missing", () => {
    for (const none of [undefined, null, "acme", 7]) {
      expect(refusal(() => validateIdentity(none))).toBe("IDENTITY_REQUIRED identity");
    }
  });

  test("may contain the reserved name only if the package made it", () => {
    for (const field of ["tenant", "user", "session", "run"]) {
      for (const name of ["~", "~x"]) {
        expect(refusal(() => validateIdentity({ ...IDENTITY, [field]: name }))).toBe(
          `INVALID_RECORD ${field}`,
        );
      }
      expect(refusal(() => validateIdentity({ ...IDENTITY, [field]: "x~" }))).toBe("accepted");
    }
    const [tenant, user] = [tenantIdentity("acme"), userIdentity("acme", "ann")];
    expect(validateIdentity(tenant)).toEqual({ tenant: "acme", user: "~", session: "~", run: "" });
    expect(validateIdentity(user)).toEqual({ tenant: "acme", user: "ann", session: "~", run: "" });
    for (const copy of [
      { ...user },
      structuredClone(user),
      JSON.parse(JSON.stringify(user)),
      Object.create(user),
      new Proxy(user, {}),
    ]) {
      expect(refusal(() => validateIdentity(copy))).toBe("INVALID_RECORD session");
    }
  });

  test("of a tenant or a user cannot be made of reserved or bad names, nor changed", () => {
    for (const bad of ["~", "~x", "a\0", "a".repeat(256)]) {
      expect(refusal(() => tenantIdentity(bad))).toBe("INVALID_RECORD tenant");
      expect(refusal(() => userIdentity("acme", bad))).toBe("INVALID_RECORD user");
    }
    expect(refusal(() => tenantIdentity(undefined as never))).toBe("IDENTITY_REQUIRED tenant");
    expect(refusal(() => userIdentity("acme", ""))).toBe("IDENTITY_REQUIRED user");
    expect(() => Object.assign(userIdentity("acme", "ann"), { user: "bob" })).toThrow(TypeError);
  });

  test("with a run is not one to erase", () => {
    expect(refusal(() => validateSessionIdentity({ ...IDENTITY, run: "r" }))).toBe("INVALID_RECORD run");
    expect(validateSessionIdentity({ ...IDENTITY, run: "" })).toEqual(IDENTITY);
    expect(validateSessionIdentity(userIdentity("acme", "ann"))).toMatchObject({ session: "~" });
  });
});

describe("a record", () => {
  const given = (fields: object) => refusal(() => validateRecord({ ...RECORD, ...fields }, LIMIT));

  test("has a version that is a safe integer of 0 or more, 0 when left out", () => {
    for (const version of [0, -0, 1, Number.MAX_SAFE_INTEGER, undefined])
      expect(given({ version })).toBe("accepted");
    for (const version of [
      -1,
      0.5,
      Number.NaN,
      Number.MAX_SAFE_INTEGER + 1,
      Infinity,
      "1",
      1n,
      null,
      new Date(1),
    ]) {
      expect([version, given({ version })]).toEqual([version, "INVALID_RECORD version"]);
    }
    expect(Object.is(validateRecord({ ...RECORD, version: -0 }, LIMIT).version, 0)).toBe(true);
  });

  test("was updated in the years 1 to 9999, to the millisecond; now, when left out", () => {
    const at = (iso: string) => new Date(iso);
    for (const iso of ["0001-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z"]) {
      expect(validateRecord({ ...RECORD, updatedAt: at(iso) }, LIMIT).updatedAt).toBe(at(iso).getTime());
    }
    const lying = Object.assign(new Date(7), { getTime: () => 0, valueOf: () => 0 });
    expect(validateRecord({ ...RECORD, updatedAt: lying }, LIMIT).updatedAt).toBe(7);
    expect(validateRecord(RECORD, LIMIT).updatedAt).toBe(5);
    const outside = [at("0000-12-31T23:59:59.999Z"), at("+010000-01-01T00:00:00.000Z"), new Date(Number.NaN)];
    for (const updatedAt of [...outside, 0, "2020-01-01", null, {}, Object.create(Date.prototype)]) {
      expect(given({ updatedAt })).toBe("INVALID_RECORD updatedAt");
    }
  });

  test("has bytes up to its limit, and nothing but a Uint8Array", () => {
    expect(given({ bytes: new Uint8Array(MIB) })).toBe("accepted");
    expect(given({ bytes: new Uint8Array(MIB + 1) })).toBe("INVALID_RECORD bytes");
    const small = (length: number) =>
      refusal(() => validateRecord({ ...RECORD, bytes: Buffer.alloc(length) }, { now: 0, maxBytes: 3 }));
    expect([small(0), small(3), small(4)]).toEqual(["accepted", "accepted", "INVALID_RECORD bytes"]);
    for (const bytes of [
      "x",
      [1],
      new Uint16Array(1),
      new Uint8ClampedArray(1),
      new ArrayBuffer(1),
      new DataView(new ArrayBuffer(1)),
      null,
      {},
    ]) {
      expect(given({ bytes })).toBe("INVALID_RECORD bytes");
    }
  });

  test("is refused when its bytes are detached or out of bounds, and copied when they are shared", () => {
    const detached = new Uint8Array(4);
    structuredClone(detached.buffer, { transfer: [detached.buffer] });
    expect(given({ bytes: detached })).toBe("INVALID_RECORD bytes");
    const shared = new Uint8Array(new SharedArrayBuffer(4), 1, 2).fill(7);
    const { bytes } = validateRecord({ ...RECORD, bytes: shared }, LIMIT);
    shared.fill(0);
    expect(bytes).toEqual(new Uint8Array([7, 7]));
    expect(bytes.buffer).toBeInstanceOf(ArrayBuffer);
    expect(bytes.buffer.byteLength).toBe(2);
  });

  test("is an object", () => {
    for (const none of [undefined, null, "x"])
      expect(refusal(() => validateRecord(none, LIMIT))).toBe("INVALID_RECORD record");
  });
});

describe("a commit", () => {
  const save = (index: number, bytes = 0): Change => ({
    op: "save",
    record: { ...RECORD, eventId: `${index}`, kind: `${index}`, bytes: new Uint8Array(bytes) },
  });
  const given = (changes: unknown, maxBytes: number = LIMITS.payloadBytes) =>
    refusal(() => validateCommit(changes, { now: 0, maxBytes }));
  const many = (count: number, bytes?: number) =>
    Array.from({ length: count }, (_, index) => save(index, bytes));

  test("has 1 to 4,096 changes", () => {
    expect([given(many(1)), given(many(4096))]).toEqual(["accepted", "accepted"]);
    expect([given([]), given(many(4097))]).toEqual(["INVALID_RECORD changes", "INVALID_RECORD changes"]);
    for (const none of [undefined, null, "x", {}, new Set(many(1)), { length: 1, 0: save(1) }]) {
      expect(given(none)).toBe("INVALID_RECORD changes");
    }
    expect(given(Object.assign(new Array(2), { 0: save(1) }))).toBe("INVALID_RECORD change");
  });

  test("holds 16 MiB of payloads together", () => {
    expect(given(many(16, MIB))).toBe("accepted");
    expect(given([...many(16, MIB), save(17, 1)])).toBe("INVALID_RECORD changes");
    expect(given([save(1, 16 * MIB)], 16 * MIB)).toBe("accepted");
  });

  test("is of one tenant, and touches no slot and no event id twice", () => {
    const other = { ...IDENTITY, tenant: "other" };
    const remove = (fields: object) => ({ op: "delete", identity: IDENTITY, kind: "0", ...fields });
    expect(given([save(0), remove({ identity: other })])).toBe("INVALID_RECORD changes");
    expect(given([save(0), remove({})])).toBe("INVALID_RECORD changes");
    expect(given([save(0), remove({ identity: { ...IDENTITY, run: "" } })])).toBe("INVALID_RECORD changes");
    expect(given([save(0), { op: "save", record: { ...RECORD, eventId: "0", kind: "1" } }])).toBe(
      "INVALID_RECORD changes",
    );
    expect(given([save(0), remove({ kind: "1" }), remove({ identity: { ...IDENTITY, run: "r" } })])).toBe(
      "accepted",
    );
  });

  test("has conditions that are given or left out, never undefined", () => {
    for (const op of ["save", "delete", "check"]) {
      const change = op === "save" ? { op, record: RECORD } : { op, identity: IDENTITY, kind: "note" };
      for (const expected of [null, "e0"]) expect(given([{ ...change, expect: expected }])).toBe("accepted");
      for (const bad of [undefined, "", 7, false, "x".repeat(129)]) {
        expect([op, bad, given([{ ...change, expect: bad }])]).toEqual([op, bad, "INVALID_RECORD expect"]);
      }
      expect(given([change])).toBe(op === "check" ? "INVALID_RECORD expect" : "accepted");
    }
  });

  test("is not a Proxy with a false length", () => {
    let asked = 0;
    const length = { valueOf: () => (asked++ < 2 ? 1 : 300) };
    const changes = new Proxy(many(300), {
      get: (target, name) => (name === "length" ? length : Reflect.get(target, name)),
    });
    expect(given(changes)).toBe("INVALID_RECORD changes");
  });

  test("has no unknown fields: a misspelt name must not drop a condition", () => {
    expect(given([{ ...save(0), expected: null }])).toBe("INVALID_RECORD change");
    expect(given([{ op: "delete", identity: IDENTITY, kind: "note", expct: null }])).toBe(
      "INVALID_RECORD change",
    );
  });

  test("is refused with the index of the invalid change", () => {
    const error = () => validateCommit([save(0), { ...save(1), expect: 7 }], { now: 0 });
    expect(error).toThrow(/^change 1: expect/);
  });

  test("knows three operations", () => {
    for (const op of [undefined, "", "SAVE", "update", "constructor"]) {
      expect(given([{ op, record: RECORD }])).toBe("INVALID_RECORD op");
    }
  });
});

test("a limit is a whole number from 1 to 10,000", () => {
  for (const limit of [1, 10_000]) expect(readLimit(limit)).toBe(limit);
  for (const limit of [0, -1, 10_001, 1.5, Number.NaN, Infinity, "1", undefined, null]) {
    expect(refusal(() => readLimit(limit))).toBe("INVALID_RECORD limit");
  }
});

test("a key to continue after may be reserved, since it gives no access, and is checked like any other", () => {
  const place = { identity: { tenant: "acme", user: "~", session: "~" }, kind: "note" };
  expect(readRecordKey(place, "after")).toEqual({
    tenant: "acme",
    user: "~",
    session: "~",
    run: "",
    kind: "note",
  });
  expect(refusal(() => readRecordKey({ kind: "note" }, "after"))).toBe("INVALID_RECORD after.identity");
  expect(refusal(() => readRecordKey({ ...place, kind: "" }, "after"))).toBe("INVALID_RECORD kind");
  expect(refusal(() => readRecordKey({ ...place, identity: { tenant: "acme" } }, "after"))).toBe(
    "IDENTITY_REQUIRED user",
  );
});

test("a signal is an AbortSignal or none", () => {
  const { signal } = new AbortController();
  expect([readSignal({ signal }), readSignal({ signal: undefined }), readSignal({})]).toEqual([
    signal,
    undefined,
    undefined,
  ]);
  for (const bad of [null, {}, { aborted: true, addEventListener() {} }, "x", new AbortController()]) {
    expect(refusal(() => readSignal({ signal: bad }))).toBe("INVALID_RECORD signal");
  }
});

describe("a maintenance scope", () => {
  test.each<[unknown, string]>([
    [undefined, "scope"],
    [null, "scope"],
    ["reason", "scope"],
    [{ reason: "r" }, "scope"],
    [{ reason: "r", allTenants: false }, "scope"],
    [{ reason: "r", allTenants: "true" }, "scope"],
    [{ reason: "r", allTenants: 1 }, "scope"],
    [{ reason: "r", tenant: "acme", allTenants: true }, "scope"],
    [{ reason: "r", tenant: "acme", allTenants: undefined }, "scope"],
    [{ reason: "r", tenant: undefined }, "tenant"],
    [{ reason: "r", tenant: undefined, allTenants: true }, "scope"],
    [{ reason: "r", tenant: "~" }, "tenant"],
    [{ tenant: "acme" }, "reason"],
    [{ reason: "", tenant: "acme" }, "reason"],
    [{ reason: " \n", tenant: "acme" }, "reason"],
    [{ reason: "x".repeat(513), tenant: "acme" }, "reason"],
  ])("is not made of %j", (claim, field) => {
    expect(refusal(() => maintenanceScope(claim as never))).toBe(`INVALID_RECORD ${field}`);
  });

  test("of an empty tenant is not made either", () => {
    for (const tenant of ["", null]) {
      expect(refusal(() => maintenanceScope({ reason: "r", tenant } as never))).toBe(
        "IDENTITY_REQUIRED tenant",
      );
    }
  });

  test("has the claimed reason and tenant, is frozen, and a copy of it is refused", () => {
    const scope = maintenanceScope({ reason: "nightly", tenant: "acme" });
    expect({ ...scope }).toEqual({ reason: "nightly", tenant: "acme" });
    expect("tenant" in maintenanceScope({ reason: "nightly", allTenants: true })).toBe(false);
    expect(() => Object.assign(scope, { tenant: "other" })).toThrow(TypeError);
    expect(validateScope(scope)).toBe(scope);
    for (const copy of [{ ...scope }, Object.create(scope), new Proxy(scope, {}), structuredClone(scope)]) {
      expect(() => validateScope(copy)).toThrow(
        expect.objectContaining({ code: "MAINTENANCE_SCOPE_REQUIRED" }),
      );
    }
  });
});

test("no error shows the value it refuses", () => {
  const secret = "s3cr3t";
  const attempts = [
    () => validateIdentity({ ...IDENTITY, user: `${secret}\0` }),
    () => validateRecord({ ...RECORD, bytes: secret }, LIMIT),
    () => readKind(secret.repeat(100)),
    () => readLimit(secret),
    () => validateCommit([{ op: secret }], LIMIT),
  ];
  for (const attempt of attempts) {
    try {
      attempt();
      throw new Error("accepted");
    } catch (error) {
      expect(JSON.stringify([String(error), error])).not.toContain(secret);
    }
  }
});
