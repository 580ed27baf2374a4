import { expect, test, vi } from "vitest";
import { openMemory } from "../../drivers/memory/index.js";
import { createApprovals } from "../../src/approvals/index.js";
import { createStore } from "../../src/index.js";
import { newSession } from "../typed/stores.js";

const counts = vi.hoisted(() => ({ pieces: 0, digests: 0 }));

vi.mock("../../src/approvals/canonical-pieces.js", async (original) => {
  const { canonicalPieces } = await original<typeof import("../../src/approvals/canonical-pieces.js")>();
  return {
    *canonicalPieces(value: Parameters<typeof canonicalPieces>[0]) {
      counts.digests++;
      for (const piece of canonicalPieces(value)) {
        counts.pieces++;
        yield piece;
      }
    },
  };
});

/** Counts what is done before the first turn of the event loop. */
async function countInFirstTurn(work: Promise<unknown>, count: () => number): Promise<number> {
  await Promise.resolve();
  const first = count();
  await work;
  return first;
}

function rowsOf(length: number, onRead: () => void = () => {}) {
  return Array.from({ length }, (_, id) => ({
    get id() {
      onRead();
      return id;
    },
    text: "the words of a row",
  }));
}

const ROWS = 15_000;

async function open() {
  return createApprovals(createStore(await openMemory()));
}

test("a large call is copied and its digest made over many turns, where it is asked for and where it is claimed", async () => {
  const approvals = await open();
  const who = newSession();
  let read = 0;
  const call = { tool: "t", arguments: rowsOf(ROWS, () => read++) };
  const asked = approvals.request(who, { ...call, id: "a1" });
  expect(await countInFirstTurn(asked, () => read)).toBeLessThan(ROWS / 2);
  expect(read).toBe(ROWS);
  await approvals.decide(who, "a1", { decision: "approve", by: "bob" });
  read = 0;
  counts.pieces = 0;
  const claimed = approvals.claim(who, "a1", call);
  expect(await countInFirstTurn(claimed, () => read)).toBeLessThan(ROWS / 2);
  expect(read).toBe(ROWS);
  expect(counts.pieces).toBeGreaterThan(10);
  const done = approvals.complete(who, "a1", { result: rowsOf(ROWS, () => read++) });
  read = 0;
  expect(await countInFirstTurn(done, () => read)).toBeLessThan(ROWS / 2);
});

test("a small call is copied before the first await", async () => {
  const approvals = await open();
  const who = newSession();
  const args = { rows: rowsOf(10).map((row) => ({ ...row })) };
  const asked = approvals.request(who, { tool: "t", arguments: args, id: "a1" });
  args.rows.length = 0;
  expect((await asked).approval.arguments).toHaveProperty("rows.length", 10);
});

test("a digest is made once where a call is asked for and once where it is claimed, and at no other time", async () => {
  const approvals = await open();
  const who = newSession();
  const call = { tool: "t", arguments: rowsOf(ROWS) };
  counts.digests = 0;
  await approvals.request(who, { ...call, id: "a1" });
  expect(counts.digests).toBe(1);
  await approvals.list(who);
  await approvals.get(who, "a1");
  await approvals.decide(who, "a1", { decision: "approve", by: "bob", token: "t" });
  await approvals.decide(who, "a1", { decision: "approve", by: "bob", token: "t" });
  await approvals.wait(who, "a1");
  expect(counts.digests).toBe(1);
  await approvals.claim(who, "a1", call);
  await approvals.complete(who, "a1");
  expect(counts.digests).toBe(2);
});

test("many who wait for a large approval get copies of their own, some turns apart", async () => {
  const approvals = await open();
  const who = newSession();
  await approvals.request(who, { tool: "t", arguments: rowsOf(ROWS), id: "a1" });
  const waiting = Array.from({ length: 20 }, () => approvals.wait(who, "a1"));
  const decided = await approvals.decide(who, "a1", { decision: "approve", by: "bob" });
  const all = [decided, ...(await Promise.all(waiting))];
  expect(new Set(all.map((approval) => approval.arguments)).size).toBe(21);
  for (const approval of all) expect(approval.arguments).toHaveLength(ROWS);
});

test("options are read at the call, and what becomes of them later does not matter", async () => {
  const approvals = await open();
  const who = newSession();
  const call = { tool: "t", arguments: { text: "small" } };
  const changedAfter = <T>(ask: (options: { signal: AbortSignal }) => Promise<T>): Promise<T> => {
    const options = { signal: new AbortController().signal };
    const answer = ask(options);
    options.signal = AbortSignal.abort();
    return answer;
  };
  const { approval } = await changedAfter((options) => approvals.request(who, call, options));
  await approvals.decide(who, approval.id, { decision: "approve", by: "bob" });
  const claimed = await changedAfter((options) => approvals.claim(who, approval.id, call, options));
  expect(claimed.status).toBe("claimed");
  const completed = await changedAfter((options) => approvals.complete(who, approval.id, {}, options));
  expect(completed.status).toBe("completed");
});
