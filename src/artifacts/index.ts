import type { StateStore } from "../contract/store.js";
import type { ArtifactsOptions } from "./artifact.js";
import { Artifacts } from "./artifacts.js";
import type { ErrorsOptions } from "./errors/recorded-error.js";
import { RecordedErrors } from "./errors/recorded-errors.js";
import type { ResultsOptions } from "./results/result.js";
import { Results } from "./results/results.js";

/**
 * Named content in versions, of sessions and users.
 *
 * @example
 * ```ts
 * import { createArtifacts } from "groundstate/artifacts";
 *
 * const artifacts = createArtifacts(store);
 * await artifacts.put(session, { name: "report.md", content: "# Costs", contentType: "text/markdown" });
 * const { artifact } = await artifacts.put(session, { name: "report.md", content: "# Costs in May" });
 * console.log(artifact.version, artifact.size); // 2 14
 * const first = await artifacts.get(session, "report.md", { version: 1 });
 * console.log(Buffer.from(first.bytes).toString()); // # Costs
 * ```
 */
export function createArtifacts(store: StateStore, options?: ArtifactsOptions): Artifacts {
  return new Artifacts(store, options);
}

/**
 * Results of tool calls that are too large to show a model.
 *
 * @example
 * ```ts
 * import { createResults } from "groundstate/artifacts";
 *
 * const results = createResults(store);
 * const { result } = await results.put(session, { tool: "search", content: "line\n".repeat(50_000), previewBytes: 10 });
 * console.log(result.id, result.preview, result.size, result.isWhole);
 * for await (const piece of results.stream(session, result.id)) console.log(piece.length);
 * ```
 */
export function createResults(store: StateStore, options?: ResultsOptions): Results {
  return new Results(store, options);
}

/**
 * Errors of tools, under short references for a model to quote.
 *
 * @example
 * ```ts
 * import { createErrors } from "groundstate/artifacts";
 *
 * const errors = createErrors(store);
 * const { ref } = await errors.record(session, { tool: "search", message: "timeout", arguments: { q: "cats" } });
 * console.log(ref, (await errors.get(session, ref)).message); // E1 timeout
 * ```
 */
export function createErrors(store: StateStore, options?: ErrorsOptions): RecordedErrors {
  return new RecordedErrors(store, options);
}

export type { CleanupOptions } from "../content/cleanup-options.js";
export type { ByteReadable, ContentSource } from "../content/source.js";
export type {
  Artifact,
  ArtifactInfo,
  ArtifactOwner,
  ArtifactPage,
  ArtifactReceipt,
  ArtifactsOptions,
  ArtifactVersionOptions,
  ListArtifactsOptions,
  ListVersionsOptions,
  NewArtifact,
  VersionPage,
} from "./artifact.js";
export type { Artifacts } from "./artifacts.js";
export type { ErrorsInUnit } from "./errors/in-unit.js";
export type {
  CutField,
  ErrorPage,
  ErrorReceipt,
  ErrorsOptions,
  ListErrorsOptions,
  NewRecordedError,
  RecordedError,
} from "./errors/recorded-error.js";
export type { RecordedErrors } from "./errors/recorded-errors.js";
export type { ArtifactsInUnit } from "./in-unit.js";
export type { ResultsInUnit } from "./results/in-unit.js";
export type {
  ListResultsOptions,
  NewResult,
  Result,
  ResultInfo,
  ResultPage,
  ResultReceipt,
  ResultsOptions,
} from "./results/result.js";
export type { Results } from "./results/results.js";
