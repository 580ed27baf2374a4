import type { ConformanceCase } from "../harness/case.js";
import { approvalCases } from "./approvals.js";
import { ledgerCases } from "./ledger.js";
import { sessionCases } from "./sessions.js";

/** What the wrappers promise on any store that keeps the contract. */
export const typedCases: readonly ConformanceCase[] = [...sessionCases, ...approvalCases, ...ledgerCases];
