import assert from "node:assert/strict";
import { createQuestions } from "../../src/questions/index.js";
import type { ConformanceCase } from "../harness/case.js";
import { assertOneWinner, ROUNDS, severalOf } from "./several.js";

/** What questions promise, as far as it depends on the store. */
export const questionCases: readonly ConformanceCase[] = [
  {
    id: "questions/answered-once",
    rule: "Of several stores that answer one question at once, one answers it, and the others are told ALREADY_ANSWERED.",
    needs: "durable",
    async run(context) {
      const wrappers = await severalOf(context, createQuestions);
      const [first] = wrappers;
      for (let round = 0; round < ROUNDS; round++) {
        const owner = context.identity();
        const { question } = await first.ask(owner, { text: "Which one?" });
        const outcomes = await Promise.allSettled(
          wrappers.map((questions, index) =>
            questions.answer(owner, question.id, { value: index, by: `person-${index}` }),
          ),
        );
        const winner = assertOneWinner(outcomes, "ALREADY_ANSWERED", "answers");
        assert.equal((await first.get(owner, question.id)).answer?.value, winner, "the answer that is kept");
      }
    },
  },
  {
    id: "questions/found-by-others",
    rule: "A question is found by its id alone, counted and given more time by every store, and cancelled with its session.",
    needs: "durable",
    async run(context) {
      const [asker, ...others] = await severalOf(context, createQuestions);
      const [other, third] = others as [typeof asker, typeof asker];
      const owner = context.identity();
      const { tenant } = owner;
      const { question } = await asker.ask(owner, { text: "Which one?", run: "r", ttlMs: 60_000 });
      assert.deepEqual(await third.get(owner, question.id), question, "what another store sees");
      const [found] = await other.locate(tenant, question.id);
      assert.deepEqual(found, question, "what was located");
      await other.extend(owner, question.id, { by: "grace", ttlMs: 3_600_000 });
      const longer = await third.get(owner, question.id);
      assert.ok(longer.expiresAt > question.expiresAt, "it has more time");
      const pending = { status: "pending" } as const;
      assert.deepEqual(await third.count({ tenant }, { ...pending, run: "r" }), { pending: 1 }, "counted");
      assert.equal(await third.cancelAll(owner, { by: "system" }), 1, "cancelled");
      assert.deepEqual(await asker.count({ tenant }, pending), { pending: 0 }, "counted afterwards");
      assert.deepEqual((await other.list({ tenant }, pending)).questions, [], "listed afterwards");
    },
  },
];
