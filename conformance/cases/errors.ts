import assert from "node:assert/strict";
import {
  type Change,
  isStateError,
  maintenanceScope,
  type NewRecord,
  StateError,
  type StateErrorCode,
  type StateStore,
} from "../../src/index.js";
import { broken, refused, rejection } from "../assertions/expect.js";
import { textIn } from "../assertions/text-in.js";
import type { CaseContext, ConformanceCase } from "../harness/case.js";
import { CLOSEST_NAMES } from "../inputs/hostile-names.js";

const SECRET = "s3cr3t";

export const errorCases: readonly ConformanceCase[] = [
  {
    id: "errors/one-class",
    rule: "Every refusal is a StateError with a code, a message and details, and says whether a retry may help.",
    async run(context) {
      for (const [code, error] of await refusals(context)) {
        if (!isStateError(error, code))
          throw broken(`expected StateError ${code}, got ${String(error)}`, error);
        assert.ok(error instanceof Error, `${code}: must be an Error`);
        assert.equal(error.name, StateError.prototype.name, `${code}: name`);
        assert.ok(error.message.length > 0, `${code}: must have a message`);
        assert.equal(typeof error.details, "object", `${code}: must have details`);
        assert.equal(error.retryable, false, `${code}: the same call would be refused again`);
      }
    },
  },
  {
    id: "errors/no-values",
    rule: "No message, of an error or of its causes, carries a payload or a value that the caller passed.",
    async run(context) {
      for (const [code, error] of await refusals(context)) {
        for (let each: unknown = error; each instanceof Error; each = each.cause) {
          assert.equal(
            each.message.includes(SECRET),
            false,
            `${code}: its message carries what the caller passed`,
          );
        }
        if (isStateError(error, "INVALID_RECORD")) {
          const { field, rule } = error.details;
          assert.equal(`${field} ${rule}`.includes(SECRET), false, "details of INVALID_RECORD carry a value");
        }
      }
    },
  },
  {
    id: "errors/nothing-of-others",
    rule: "No error says whose an event or a record is, or what is in it: not in its message, details, cause or stack.",
    async run(context) {
      const { store, tenant, record } = context;
      const bytes = new TextEncoder().encode(SECRET);
      for (const [index, user] of CLOSEST_NAMES.entries()) {
        const owner = { tenant: tenant(), user, session: `${SECRET}-session`, run: `${SECRET}-run` };
        const theirs = record(owner, `${SECRET}-kind`, { bytes });
        await store.save(theirs);
        const other = CLOSEST_NAMES.at(index - 1) as string;
        const mine = record({ tenant: owner.tenant, user: other, session: "session" }, "kind");
        for (const error of await refusedToOthers(store, mine, theirs.eventId)) assertSilent(error);
      }
    },
  },
  {
    id: "errors/invalid-names-field",
    rule: "INVALID_RECORD and IDENTITY_REQUIRED name the field, INVALID_RECORD its rule too.",
    async run({ store, record, identity }) {
      const wrong = {
        kind: { kind: "" },
        eventId: { eventId: "" },
        version: { version: -1 },
        updatedAt: { updatedAt: new Date(Number.NaN) },
        bytes: { bytes: "text" as never },
      };
      for (const [field, fields] of Object.entries(wrong)) {
        const save = () => store.save({ ...record(identity(), "kind"), ...fields });
        const error = await rejection(`save with a wrong ${field}`, "StateError INVALID_RECORD", save);
        if (!isStateError(error, "INVALID_RECORD"))
          throw broken(`a wrong ${field}: got ${String(error)}`, error);
        assert.ok(
          error.details.field.includes(field),
          `a wrong ${field} is reported as ${error.details.field}`,
        );
        assert.ok(error.details.rule.length > 0, `a wrong ${field}: the rule must be said`);
      }
      for (const field of ["tenant", "user", "session"]) {
        const find = () => store.find({ ...identity(), [field]: "" }, "kind");
        const error = await rejection(`find without ${field}`, "StateError IDENTITY_REQUIRED", find);
        if (!isStateError(error, "IDENTITY_REQUIRED"))
          throw broken(`a missing ${field}: got ${String(error)}`, error);
        assert.ok(
          error.details.field.includes(field),
          `a missing ${field} is reported as ${error.details.field}`,
        );
      }
    },
  },
  {
    id: "errors/invalid-names-change",
    rule: "In a commit, INVALID_RECORD and IDENTITY_REQUIRED name the change by its index.",
    async run({ store, record, identity }) {
      const owner = identity();
      const good: Change = { op: "save", record: record(owner, "good") };
      const wrong: [StateErrorCode, Change][] = [
        ["INVALID_RECORD", { op: "save", record: record(owner, "kind", { version: -1 }) }],
        ["INVALID_RECORD", { op: "delete", identity: owner, kind: "" }],
        ["INVALID_RECORD", { op: "erase", identity: owner, prefix: "\0" }],
        ["IDENTITY_REQUIRED", { op: "check", identity: { ...owner, user: "" }, kind: "kind", expect: null }],
        ["IDENTITY_REQUIRED", { op: "save", record: record({ ...owner, session: "" }, "kind") }],
      ];
      for (const [code, change] of wrong) {
        for (const before of [[], [good]]) {
          const error = await rejection(`a commit of a wrong ${change.op}`, `StateError ${code}`, () =>
            store.commit([...before, change]),
          );
          if (!isStateError(error, "INVALID_RECORD") && !isStateError(error, "IDENTITY_REQUIRED"))
            throw broken(`a commit of a wrong ${change.op}: expected ${code}, got ${String(error)}`, error);
          assert.equal(error.code, code, `a commit of a wrong ${change.op}: code`);
          assert.equal(error.details.change, before.length, `the index of a wrong ${change.op}`);
        }
      }
    },
  },
];

/** What is refused to somebody who has got hold of another's event id. */
async function refusedToOthers(store: StateStore, mine: NewRecord, eventId: string): Promise<Error[]> {
  const { identity } = mine;
  const conflicting = { ...mine, eventId };
  const saved = { ...mine, kind: "saved" };
  await store.save(saved);
  const taken = { identity, kind: saved.kind, expect: eventId };
  return Promise.all([
    refused("IDEMPOTENCY_CONFLICT", "a save with another's event id", () => store.save(conflicting)),
    refused("IDEMPOTENCY_CONFLICT", "a commit with another's event id", () =>
      store.commit([
        { op: "delete", identity, kind: "other" },
        { op: "save", record: conflicting },
      ]),
    ),
    refused("NOT_FOUND", "loadByEventId of another's event", () => store.loadByEventId(identity, eventId)),
    refused("CONDITION_FAILED", "a delete expecting another's event", () =>
      store.delete(identity, saved.kind, { expect: eventId }),
    ),
    refused("CONDITION_FAILED", "a check of another's event", () =>
      store.commit([{ op: "check", ...taken }]),
    ),
  ]);
}

function assertSilent(error: Error): void {
  const text = textIn(error);
  for (const form of ["utf8", "hex", "base64"] as const) {
    const shown = Buffer.from(SECRET).toString(form);
    assert.ok(!text.includes(shown), `an error says what is another's: ${error.message}`);
  }
}

/** One error of each kind a caller can bring about, from calls in which every value holds the secret. */
async function refusals({ store, unique, identity }: CaseContext): Promise<[StateErrorCode, unknown][]> {
  const id = unique();
  const names = identity({
    tenant: `${SECRET}-${id}`,
    user: `${SECRET}-u`,
    session: `${SECRET}-s`,
    run: `${SECRET}-r`,
  });
  const kind = `${SECRET}-kind`;
  const record = {
    eventId: `${SECRET}-${id}`,
    identity: names,
    kind,
    bytes: new TextEncoder().encode(SECRET),
  };
  await store.save(record);
  const { run: _, ...session } = names;
  const scope = maintenanceScope({ reason: SECRET, tenant: names.tenant });
  const calls: [StateErrorCode, () => Promise<unknown>][] = [
    ["NOT_FOUND", () => store.load(names, `${kind}-other`)],
    ["NOT_FOUND", () => store.loadByEventId(names, `${SECRET}-other`)],
    ["IDEMPOTENCY_CONFLICT", () => store.save({ ...record, version: 1 })],
    ["CONDITION_FAILED", () => store.save({ ...record, eventId: `${SECRET}-2-${id}` }, { expect: null })],
    ["CONDITION_FAILED", () => store.delete(names, kind, { expect: `${SECRET}-other` })],
    ["IDENTITY_REQUIRED", () => store.find({ ...names, user: "" }, kind)],
    ["INVALID_RECORD", () => store.find({ ...names, user: `~${SECRET}` }, kind)],
    ["INVALID_RECORD", () => store.find({ ...names, session: SECRET.repeat(50) }, kind)],
    ["INVALID_RECORD", () => store.find(names, `${SECRET}\0`)],
    ["INVALID_RECORD", () => store.find(names, `${SECRET}\ud800`)],
    ["INVALID_RECORD", () => store.find(names, SECRET.repeat(100))],
    ["INVALID_RECORD", () => store.loadByEventId(names, SECRET.repeat(50))],
    ["INVALID_RECORD", () => store.save({ ...record, version: SECRET as never })],
    ["INVALID_RECORD", () => store.save({ ...record, bytes: SECRET as never })],
    ["INVALID_RECORD", () => store.save({ ...record, updatedAt: SECRET as never })],
    ["INVALID_RECORD", () => store.list(session, "", { limit: SECRET as never })],
    ["INVALID_RECORD", () => store.commit([{ op: SECRET as never, identity: names, kind, expect: null }])],
    ["INVALID_RECORD", () => store.erase(names)],
    ["INVALID_RECORD", () => store.listKind(scope, "")],
    ["MAINTENANCE_SCOPE_REQUIRED", () => store.listKind({ reason: SECRET } as never, kind)],
  ];
  const errors: [StateErrorCode, unknown][] = [];
  for (const [code, call] of calls)
    errors.push([code, await rejection(`a call that is ${code}`, code, call)]);
  return errors;
}
