import { test } from "vitest";
import type { Expiring } from "../../src/expiring/index.js";
import type { SessionIdentity } from "../../src/index.js";
import { inMemory, onEveryStore } from "../typed/stores.js";
import { type BadCall, testBadInput } from "../wrappers/bad-input.js";
import { testDamagedRecords } from "../wrappers/damaged-record.js";
import { checkErasedSession } from "../wrappers/erased-session.js";
import { testHostileNames } from "../wrappers/hostile-names.js";
import { testLostAnswers } from "../wrappers/lost-answers.js";
import { testOtherIdentities } from "../wrappers/other-identities.js";
import { EXPIRING, GROUP, HOUR, READING } from "./table.js";

// biome-ignore lint/suspicious/noExplicitAny: the calls are wrong on purpose.
type Wrong = any;

const set =
  (options: Wrong, value: Wrong = 1) =>
  (expiring: Expiring, who: SessionIdentity) =>
    expiring.set(who, GROUP, "a", value, options);
const list = (options: Wrong) => (expiring: Expiring, who: SessionIdentity) =>
  expiring.list(who, GROUP, options);
const touch = (options: Wrong) => (expiring: Expiring, who: SessionIdentity) =>
  expiring.touch(who, GROUP, "a", options);

const BAD: readonly BadCall<Expiring>[] = [
  ["group", "empty", (expiring, who) => expiring.set(who, "", "a", 1, { ttlMs: 1 })],
  ["group", "no text", (expiring, who) => expiring.count(who, 1 as never)],
  ["key", "too long", (expiring, who) => expiring.get(who, GROUP, "x".repeat(449))],
  ["ttlMs", "missing", set(undefined)],
  ["ttlMs", "left undefined", set({ ttlMs: undefined })],
  ["ttlMs", "zero", set({ ttlMs: 0 })],
  ["ttlMs", "no whole number", set({ ttlMs: 0.5 })],
  ["ttlMs", "more than ten years", set({ ttlMs: 11 * 365 * 24 * HOUR })],
  ["ttlMs", "missing for touch", touch({})],
  ["ttlMs", "missing for update", (e, who) => e.update(who, GROUP, "a", () => 1, {} as never)],
  ["value", "undefined", (e, who) => e.set(who, GROUP, "a", undefined as never, { ttlMs: 1 })],
  ["value", "what JSON does not carry", set({ ttlMs: 1 }, new Map())],
  ["value", "too large", set({ ttlMs: 1 }, "x".repeat(1_100_000))],
  ["options", "misspelt", set({ ttl: 1 })],
  ["id", "left undefined", set({ ttlMs: 1, id: undefined })],
  ["id", "too long", set({ ttlMs: 1, id: "x".repeat(92) })],
  ["expect", "left undefined", set({ ttlMs: 1, expect: undefined })],
  ["expect", "null for delete", (e, who) => e.delete(who, GROUP, "a", { expect: null as never })],
  ["update", "no function", (e, who) => e.update(who, GROUP, "a", 1 as never, { ttlMs: 1 })],
  ["attempts", "zero", (e, who) => e.update(who, GROUP, "a", () => 1, { ttlMs: 1, attempts: 0 })],
  ["value", "of an update", (e, who) => e.update(who, GROUP, "a", () => new Map() as never, { ttlMs: 1 })],
  ["limit", "zero", list({ limit: 0 })],
  ["limit", "too many", list({ limit: 1_001 })],
  ["prefix", "no text", list({ prefix: 1 })],
  ["after", "empty", list({ after: "" })],
  ["options", "misspelt for list", list({ limits: 1 })],
  ["signal", "no signal", touch({ ttlMs: 1, signal: 1 })],
];

onEveryStore((opened) => {
  testOtherIdentities(opened, EXPIRING);
  testDamagedRecords(opened, READING);
  testLostAnswers(opened, EXPIRING);
  test("values go with their session", () => checkErasedSession(opened, EXPIRING));
});

inMemory((opened) => {
  // A user and a tenant have values too, so what is no session may be one of them.
  testBadInput(opened, { ...READING, of: "user" }, BAD);
  testHostileNames(opened, EXPIRING);
});
