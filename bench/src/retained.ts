import type { RetentionPolicy } from "../../dist/src/retention/index.js";

/** What the crowd has: tool calls that ended over so many days, in sessions of so many. */
export const CROWD = "crowd";
export const DAYS = 400;
export const SESSION_CALLS = 50;

const DAY_MS = 86_400_000;
/** When the first of them ended, and when the policy is applied. */
export const FIRST = Date.UTC(2025, 0, 1);
export const NOW = FIRST + DAYS * DAY_MS;

export const POLICY = {
  payloads: "30d",
  records: "180d",
  idleSessions: "90d",
} as const satisfies RetentionPolicy;

/** When the calls of a session ended. */
export function endOf(session: number, sessions: number): number {
  return FIRST + Math.floor((session / sessions) * DAYS) * DAY_MS;
}
