import { z } from "zod";
import type { SessionIdentity } from "../../src/index.js";
import { createQuestions, type Questions } from "../../src/questions/index.js";
import type { WrapperTable } from "../wrappers/wrapper.js";

export const ASKED = { text: "Which branch?", context: { failing: ["next"] }, choices: ["main", "next"] };
export const HOUR = 3_600_000;

export const SCHEMAS = {
  deployment: z.object({ branch: z.string(), replicas: z.number().int().max(9).default(1) }),
};

export const ACTIONS = {
  answer: (questions: Questions, who: SessionIdentity, id: string) =>
    questions.answer(who, id, { value: "main", by: "bob" }),
  cancel: (questions: Questions, who: SessionIdentity, id: string) =>
    questions.cancel(who, id, { by: "ann", reason: "not needed" }),
  extend: (questions: Questions, who: SessionIdentity, id: string) =>
    questions.extend(who, id, { by: "ann", ttlMs: 5 * HOUR }),
  expire: (questions: Questions, who: SessionIdentity, id: string) => questions.expire(who, id),
};

/** Questions, for the tests that all wrappers share. */
export const QUESTIONS: WrapperTable<Questions> = {
  open: (store, options) => createQuestions(store, options),
  make: (questions, who, id) => questions.ask(who, { ...ASKED, id }),
  find: (questions, who, id) => questions.find(who, id),
  listed: async (questions, where) =>
    (await questions.list(where, { limit: 1000 })).questions.map(({ id }) => id),
  sweep: (questions, scope) => questions.expireOverdue(scope, { erased: true }),
  methods: {
    ...ACTIONS,
    get: (questions, who, id) => questions.get(who, id),
    wait: (questions, who, id) => questions.wait(who, id),
  },
  walk: {
    ask: (questions, who, id) => questions.ask(who, { ...ASKED, id }),
    extend: (questions, who, id) => questions.extend(who, id, { by: "ann", ttlMs: 9, token: `extend ${id}` }),
    answer: (questions, who, id) =>
      questions.answer(who, id, { value: "next", by: "bob", token: `answer ${id}` }),
  },
  kindOf: (id) => `question/${id}`,
  damages: (stored) => [
    { ...stored, status: "open" },
    { ...stored, status: "answered" },
    { ...stored, status: "cancelled" },
    { ...stored, createdAt: "2030" },
    { ...stored, expiresAt: undefined },
    { ...stored, answer: { value: 1, by: "bob", at: 1 } },
    { ...stored, cancellation: {} },
    { ...stored, extension: { by: "ann", at: 1 } },
  ],
};
