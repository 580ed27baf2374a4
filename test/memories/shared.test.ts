import { describe, test } from "vitest";
import type { SessionIdentity } from "../../src/index.js";
import { createMemories, type Memories } from "../../src/memories/index.js";
import { inMemory, onEveryStore } from "../typed/stores.js";
import { type BadCall, checkBadCall, testBadInput } from "../wrappers/bad-input.js";
import { testDamagedRecords } from "../wrappers/damaged-record.js";
import { testHostileNames } from "../wrappers/hostile-names.js";
import { testLostAnswers } from "../wrappers/lost-answers.js";
import { testOtherIdentities } from "../wrappers/other-identities.js";
import { MEMORIES, of } from "./table.js";

// biome-ignore lint/suspicious/noExplicitAny: the calls are wrong on purpose.
type Wrong = any;
type Call = (memories: Memories, who: SessionIdentity) => Promise<unknown>;

const add =
  (options: Wrong, content: Wrong = "x"): Call =>
  (memories, who) =>
    memories.add(of(who), content, options);
const update =
  (changes: Wrong, options?: Wrong): Call =>
  (memories, who) =>
    memories.update(of(who), "a", changes, options);
const read =
  (options: Wrong): Call =>
  (memories, who) =>
    memories.read(of(who), options);
const search =
  (options: Wrong, query: Wrong = "x"): Call =>
  (memories, who) =>
    memories.search(of(who), query, options);
const made =
  (options: Wrong) =>
  async (memories: Memories): Promise<unknown> =>
    createMemories((memories as Wrong).store ?? opened, options);
let opened: Wrong;

const BAD: readonly BadCall<Memories>[] = [
  ["content", "empty", add({}, "")],
  ["content", "no text", add({}, 1)],
  ["content", "too long", add({}, "x".repeat(65_537))],
  ["content", "a lone surrogate", add({}, "\ud800")],
  ["topics", "no list", add({ topics: "food" })],
  ["topics", "an empty one", add({ topics: [""] })],
  ["topics", "too many", add({ topics: Array.from({ length: 33 }, (_, n) => `${n}`) })],
  ["topics", "a hole", add({ topics: new Array(2) })],
  ["metadata", "a list", add({ metadata: [] })],
  ["metadata", "what JSON does not carry", add({ metadata: { a: new Map() } })],
  ["metadata", "too large", add({ metadata: { a: "x".repeat(65_536) } })],
  ["run", "reserved", add({ run: "~x" })],
  ["ttlMs", "zero", add({ ttlMs: 0 })],
  ["ttlMs", "null for add", add({ ttlMs: null })],
  ["ttlMs", "left undefined", add({ ttlMs: undefined })],
  ["id", "left undefined", add({ id: undefined })],
  ["id", "too long", add({ id: "x".repeat(106) })],
  ["options", "misspelt", add({ topic: [] })],
  ["signal", "no signal", add({ signal: 1 })],
  ["content", "empty for update", update({ content: "" })],
  ["content", "left undefined for update", update({ content: undefined })],
  ["changes", "misspelt", update({ text: "x" })],
  ["changes", "none", update(undefined)],
  ["expect", "left undefined", update({}, { expect: undefined })],
  ["expect", "null", update({}, { expect: null })],
  ["limit", "zero", read({ limit: 0 })],
  ["limit", "too many", read({ limit: 1_001 })],
  ["after", "of another list", read({ after: "a" })],
  ["topics", "no list for read", read({ topics: 1 })],
  ["filter", "a list", read({ filter: [] })],
  ["query", "left out", (memories, who) => memories.search(of(who), undefined as never)],
  ["query", "too long", search({}, "x".repeat(4_097))],
  ["limit", "too many for search", search({ limit: 101 })],
  ["options", "misspelt for search", search({ fuzzy: true })],
  ["embed", "missing for embedMissing", (memories, who) => memories.embedMissing(of(who))],
];

const BAD_OPTIONS: readonly BadCall<Memories>[] = [
  ["options", "misspelt", made({ embedder: 1 })],
  ["maxIndexBytes", "too few", made({ maxIndexBytes: 1 })],
  ["embed", "no object", made({ embed: 1 })],
  ["embed", "misspelt", made({ embed: { model: "m", vectors: () => [] } })],
  ["embed.model", "empty", made({ embed: { model: "", vectorsOf: () => [] } })],
  ["embed.vectorsOf", "no function", made({ embed: { model: "m", vectorsOf: 1 } })],
  ["embed.timeoutMs", "zero", made({ embed: { model: "m", vectorsOf: () => [], timeoutMs: 0 } })],
  ["embed.batch", "zero", made({ embed: { model: "m", vectorsOf: () => [], batch: 0 } })],
];

onEveryStore((given) => {
  testOtherIdentities(given, MEMORIES);
  testDamagedRecords(given, MEMORIES);
  testLostAnswers(given, MEMORIES);
});

inMemory((given) => {
  testBadInput(given, MEMORIES, BAD);
  testHostileNames(given, MEMORIES);

  describe("options of createMemories", () => {
    test.each(BAD_OPTIONS)("%s is refused: %s", (...bad) => {
      opened = given.store;
      return checkBadCall(given, MEMORIES, bad);
    });
  });
});
