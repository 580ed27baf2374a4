import { appendEvents } from "./append-events.js";
import { bareSaves } from "./bare-saves.js";
import { decideApprovals } from "./decide-approvals.js";
import { recordUsage } from "./record-usage.js";
import type { TypedWork } from "./typed-work.js";

export const BARE_SAVES = "bare saves";

/** By the name of the entrant. */
export const TYPED_WORK: Readonly<Record<string, TypedWork>> = {
  [BARE_SAVES]: bareSaves,
  "sessions: append": appendEvents,
  "approvals: request, decide, claim, complete": decideApprovals,
  "ledger: record": recordUsage,
};
