export { contractSentences, type Sentences, type Shown } from "./contract/index.js";
export type { CaseContext, ConformanceCase, Harness, Need, Scans, SpaceOptions } from "./harness/case.js";
export type { Failure } from "./harness/failure.js";
export { ReferenceDriver, ReferenceSpace } from "./harness/reference-driver.js";
export { referenceHarness } from "./harness/reference-harness.js";
export type { HistoryFailure, HistoryKind } from "./histories/history-plan.js";
export {
  checkLinearizable,
  type Operation,
  type Specification,
  type Verdict,
} from "./histories/linearizable.js";
export { exclusiveReference, fileReference, type Mutant, mutants, typedMutants } from "./mutants/index.js";
export { contractTable } from "./runners/contract-table.js";
export type { HistoryOptions } from "./runners/history-options.js";
export { conformanceNodeTests, type NodeTest } from "./runners/node-test.js";
export { type HistoriesReport, randomHistories } from "./runners/random-histories.js";
export { type CaseResult, formatReport, type Mode, type Report, type StrayError } from "./runners/report.js";
export { rulesTable } from "./runners/rules-table.js";
export { HarnessError, runConformance } from "./runners/run.js";
export type { RunOptions } from "./runners/run-options.js";
export { cases, typedCases } from "./runners/suite.js";
export type { Versions } from "./runners/versions.js";
export { conformanceTests, type Vitest } from "./runners/vitest.js";
