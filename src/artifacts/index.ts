import type { StateStore } from "../contract/store.js";
import type { ArtifactsOptions } from "./artifact.js";
import { Artifacts } from "./artifacts.js";

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

export type { ByteReadable, ContentSource } from "../content/source.js";
export type {
  Artifact,
  ArtifactInfo,
  ArtifactOwner,
  ArtifactPage,
  ArtifactReceipt,
  ArtifactsOptions,
  ArtifactVersionOptions,
  CleanupOptions,
  ListArtifactsOptions,
  ListVersionsOptions,
  NewArtifact,
  VersionPage,
} from "./artifact.js";
export type { Artifacts } from "./artifacts.js";
export type { ArtifactsInUnit } from "./in-unit.js";
