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
];
