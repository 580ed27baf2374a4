import type { SessionIdentity } from "../../src/index.js";
import type { Questions } from "../../src/questions/index.js";
import { onEveryStore, onSharedStores } from "../typed/stores.js";
import { testBadInput } from "../wrappers/bad-input.js";
import { testDamagedRecords } from "../wrappers/damaged-record.js";
import { testErasedSessions } from "../wrappers/erased-session.js";
import { testHostileNames } from "../wrappers/hostile-names.js";
import { testLostAnswers } from "../wrappers/lost-answers.js";
import { testOtherIdentities } from "../wrappers/other-identities.js";
import { testProcesses } from "../wrappers/processes.js";
import { ASKED, QUESTIONS } from "./questions.js";

const cycle: unknown[] = [];
cycle.push(cycle);

const BAD_QUESTIONS: readonly (readonly [field: string, question: unknown])[] = [
  ["question", undefined],
  ["question", { ...ASKED, more: 1 }],
  ["text", {}],
  ["text", { text: 1 }],
  ["text", { text: "x".repeat(16_385) }],
  ["context", { text: "t", context: undefined }],
  ["context", { text: "t", context: cycle }],
  ["sender", { text: "t", sender: new Date() }],
  ["choices", { text: "t", choices: [] }],
  ["choices", { text: "t", choices: "main" }],
  ["choices", { text: "t", choices: ["a", "a"] }],
  ["choices", { text: "t", choices: ["a", ""] }],
  ["choices", { text: "t", choices: ["a", 1] }],
  ["choices", { text: "t", choices: Array.from({ length: 101 }, (_, n) => `${n}`) }],
  ["choices", { text: "t", choices: undefined }],
  ["schema", { text: "t", choices: ["a"], schema: "s" }],
  ["schema", { text: "t", schema: "unknown" }],
  ["schema", { text: "t", schema: "toString" }],
  ["run", { text: "t", run: "" }],
  ["step", { text: "t", step: 1 }],
  ["ttlMs", { text: "t", ttlMs: 0 }],
  ["ttlMs", { text: "t", ttlMs: undefined }],
  ["id", { text: "t", id: "x".repeat(106) }],
  ["id", { text: "t", id: undefined }],
];

onEveryStore((opened) => {
  testOtherIdentities(opened, QUESTIONS);
  testErasedSessions(opened, QUESTIONS);
  testDamagedRecords(opened, QUESTIONS);
  testLostAnswers(opened, QUESTIONS);
  testHostileNames(opened, QUESTIONS);
  testBadInput(opened, QUESTIONS, [
    ...BAD_QUESTIONS.map(
      ([field, question], n) =>
        [
          field,
          `ask ${n}`,
          (questions: Questions, who: SessionIdentity) => questions.ask(who, question as never),
        ] as const,
    ),
    ["value", "answer without one", (q, who) => q.answer(who, "a", { by: "bob" } as never)],
    [
      "value",
      "answer that JSON cannot carry",
      (q, who) => q.answer(who, "a", { value: 1n as never, by: "b" }),
    ],
    ["by", "answer of nobody", (q, who) => q.answer(who, "a", { value: 1 } as never)],
    ["token", "answer", (q, who) => q.answer(who, "a", { value: 1, by: "b", token: "" })],
    ["input", "answer", (q, who) => q.answer(who, "a", { value: 1, by: "b", answer: 1 } as never)],
    ["by", "cancel", (q, who) => q.cancel(who, "a", {} as never)],
    ["reason", "cancel", (q, who) => q.cancel(who, "a", { by: "b", reason: undefined as never })],
    ["ttlMs", "extend", (q, who) => q.extend(who, "a", { by: "b" } as never)],
    ["by", "extend", (q, who) => q.extend(who, "a", { ttlMs: 1 } as never)],
    ["by", "cancelAll", (q, who) => q.cancelAll(who, {} as never)],
    ["run", "cancelAll", (q, who) => q.cancelAll(who, { by: "b", run: undefined as never })],
    ["input", "cancelAll with a token", (q, who) => q.cancelAll(who, { by: "b", token: "t" } as never)],
    ["status", "count", (q, who) => q.count(who, { status: "open" as never })],
    ["run", "count", (q, who) => q.count(who, { run: "" })],
    ["id", "locate", (q, { tenant }) => q.locate(tenant, "")],
    ["options", "expire", (q, who) => q.expire(who, "a", { singal: 1 } as never)],
    ["timeoutMs", "wait", (q, who) => q.wait(who, "a", { timeoutMs: 0 })],
    ["status", "list", (q, who) => q.list(who, { status: "open" as never })],
    ["by", "list", (q, who) => q.list(who, { by: { name: "x" } } as never)],
    ["unit", "in", (q) => q.in({} as never)],
  ]);
});

onSharedStores((opened) => {
  testProcesses(opened, QUESTIONS, {
    processes: 4,
    setUp: `
      import { createQuestions } from "groundstate/questions";
      const questions = createQuestions(store);
    `,
    make: `questions.ask(who, { text: "Which?", id })`,
    change: `questions.answer(who, id, { value: by, by })`,
    lostWith: "ALREADY_ANSWERED",
  });
});
