import { createQuestions } from "../../../dist/src/questions/index.js";
import { expectCount, inTurn, type TypedWork } from "./typed-work.js";

const QUESTION = { text: "Which branch is this for? ".repeat(8), choices: ["main", "next"] };

/** A question and its answer. */
export const answerQuestions: TypedWork = {
  calls: 2,
  async open(store, identities) {
    const questions = createQuestions(store);
    const next = inTurn(identities);
    return {
      async run() {
        const identity = next();
        const { question } = await questions.ask(identity, QUESTION);
        await questions.answer(identity, question.id, { value: "main", by: "grace" });
      },
      async check(done) {
        const { tenant = "" } = identities[0] ?? {};
        const { questions: newest } = await questions.list({ tenant }, { limit: 1 });
        expectCount("answered questions", newest[0]?.status === "answered" ? done : 0, done);
      },
    };
  },
};
