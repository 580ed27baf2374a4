import { expect, test } from "vitest";
import { BatchStatement } from "../../drivers/postgres/batch-statement.js";
import type { Row } from "../../drivers/postgres/client.js";
import { LockNotFree } from "../../drivers/postgres/errors.js";
import type { Commit } from "../../src/contract/driver.js";
import { StateError } from "../../src/contract/errors.js";
import { monotonicMs } from "../../src/timing/real-timers.js";
import { STATEMENTS } from "./postgres-blocks.js";
import { record } from "./postgres-rig.js";

const WAITS = { sessionsMs: 1, rowsMs: 1, careful: true };
const APPLIED = { verdict: "applied", current_event: null, erased: null };

function saving(session: string): Commit {
  const saved = record({ tenant: "t", user: "u", session });
  return { tenant: "t", writes: [{ op: "save", record: saved }] };
}

/** A batch that meets the lock of a statement of its own driver, waits for it, and then fails as `error` says. */
async function sendTwice(error: Error) {
  let answerHolder = (_: readonly Row[]) => {};
  const answers = [
    () => new Promise<readonly Row[]>((resolve) => (answerHolder = resolve)),
    async () => [
      { commit_no: 0, write_no: 0, ...APPLIED },
      { commit_no: 1, write_no: 0, verdict: "locked" },
    ],
    () => Promise.reject(error),
  ];
  const batch = new BatchStatement(() => (answers.shift() as () => Promise<readonly Row[]>)(), STATEMENTS);
  const options = { now: 0, window: 1_000, deadline: monotonicMs() + 60_000 };
  const held = batch.send([saving("held")], options, WAITS);
  const sent = batch.send([saving("free"), saving("held")], options, WAITS);
  setImmediate(() => answerHolder([{ commit_no: 0, write_no: 0, ...APPLIED }]));
  await held;
  return { outcomes: await sent, left: answers.length };
}

test.each([
  [
    "whose lock is held by somebody else",
    new LockNotFree("UNAVAILABLE", "locked", { details: { reason: "busy" } }),
  ],
  ["that is refused", new StateError("UNAVAILABLE", "full", { details: { reason: "refused" } })],
])("a statement that is sent again, %s, leaves what was written before it written", async (_, error) => {
  const { outcomes, left } = await sendTwice(error);
  expect(outcomes).toEqual([{ is: "applied", existed: [false] }, undefined]);
  expect(left).toBe(0);
});

test.each([
  ["a StateError", new StateError("OUTCOME_UNKNOWN", "lost", { details: {} })],
  ["any other error", new Error("lost")],
])(
  "a statement that is sent again without an answer, %s, puts in doubt only its own commits",
  async (_, error) => {
    const { outcomes } = await sendTwice(error);
    expect(outcomes[0]).toEqual({ is: "applied", existed: [false] });
    expect(outcomes[1]).toMatchObject({ is: "failed", error: { code: "OUTCOME_UNKNOWN" } });
  },
);
