export type { ApprovalOptions } from "../approved-calls.js";
export type { Owner } from "../owner.js";
export {
  PausedRuns,
  type PausedRunsOptions,
  type ResumedRun,
  type ResumeOptions,
} from "./paused-runs.js";
export { GroundstateSession, type GroundstateSessionOptions } from "./session.js";
