import type { ConformanceCase } from "../harness/case.js";
import { approvalCases } from "./approvals.js";
import { artifactCases } from "./artifacts.js";
import { checkpointCases } from "./checkpoints.js";
import { expiringCases } from "./expiring.js";
import { factCases } from "./facts.js";
import { ledgerCases } from "./ledger.js";
import { memoryCases } from "./memories.js";
import { moveUserCases } from "./move-user.js";
import { policyCases } from "./policies.js";
import { questionCases } from "./questions.js";
import { runCases } from "./runs.js";
import { scheduleCases } from "./schedules.js";
import { sessionEditCases } from "./session-edits.js";
import { sessionCases } from "./sessions.js";
import { togetherCases } from "./together.js";
import { toolCallCases } from "./tool-calls.js";

/** What the wrappers promise on any store that keeps the contract. */
export const typedCases: readonly ConformanceCase[] = [
  ...sessionCases,
  ...sessionEditCases,
  ...approvalCases,
  ...questionCases,
  ...ledgerCases,
  ...runCases,
  ...scheduleCases,
  ...toolCallCases,
  ...policyCases,
  ...expiringCases,
  ...factCases,
  ...memoryCases,
  ...checkpointCases,
  ...artifactCases,
  ...moveUserCases,
  ...togetherCases,
];
