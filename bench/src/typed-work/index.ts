import { answerQuestions } from "./answer-questions.js";
import { appendEvents } from "./append-events.js";
import { bareSaves } from "./bare-saves.js";
import { decideApprovals } from "./decide-approvals.js";
import { doRuns } from "./do-runs.js";
import { judgeCalls } from "./judge-calls.js";
import { putCheckpoints } from "./put-checkpoints.js";
import { recordToolCalls } from "./record-tool-calls.js";
import { recordUsage } from "./record-usage.js";
import { replaceEvents } from "./replace-events.js";
import { stepTogether } from "./step-together.js";
import type { TypedWork } from "./typed-work.js";

export const BARE_SAVES = "bare saves";
export const RECORD_USAGE = "ledger: record";

/** By the name of the entrant. */
export const TYPED_WORK: Readonly<Record<string, TypedWork>> = {
  [BARE_SAVES]: bareSaves,
  "sessions: append": appendEvents(0),
  "sessions: append, 100 KB of metadata": appendEvents(100_000),
  "sessions: replace": replaceEvents,
  "approvals: request, decide, claim, complete": decideApprovals,
  "questions: ask, answer": answerQuestions,
  "runs: start, claim, step, complete": doRuns,
  "toolCalls: begin, succeed": recordToolCalls,
  "policies: judge": judgeCalls,
  "checkpoints: put": putCheckpoints,
  [RECORD_USAGE]: recordUsage,
  "together: sessions append, ledger record": stepTogether,
};
