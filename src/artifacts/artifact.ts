import type { ContentSource } from "../content/source.js";
import type { RedactOption } from "../contract/redact.js";
import type { CallOptions, SessionIdentity } from "../contract/store.js";
import type { JsonInput, JsonValue } from "../typed/json-value.js";
import type { Clock } from "../typed/time.js";

/** Whose artifacts are meant: a session's, or a user's whatever the session. */
export type ArtifactOwner = SessionIdentity | Pick<SessionIdentity, "tenant" | "user">;

/** A version of an artifact to put. */
export interface NewArtifact {
  /** 1 to 255 UTF-8 bytes. A file name or a path, as it is: `report.md`, `out/plot.png`. */
  readonly name: string;
  /**
   * Bytes, a text (stored as UTF-8), or a stream of bytes. Bytes of more than 256 KiB must not change until the call is done.
   */
  readonly content: ContentSource;
  /** A media type (RFC 6838), such as `text/markdown`: up to 255 UTF-8 bytes. Default: none is known. */
  readonly contentType?: string;
  /** Up to 16 KiB of JSON. Default: none. */
  readonly metadata?: Readonly<Record<string, JsonInput>>;
  /** Makes the call happen once: 1 to 105 UTF-8 bytes, unique among the artifacts of the owner. */
  readonly id?: string;
  /** The number of the last version that the caller knows; 0: there is none. CONDITION_FAILED if there is another. */
  readonly expect?: number;
}

/** What is known of a version of an artifact. */
export interface ArtifactInfo {
  /** As it was put. */
  readonly name: string;
  /** 1 and up, in the order of the puts. Numbers of deleted versions are not given again, unless all versions were deleted. */
  readonly version: number;
  /** In bytes. */
  readonly size: number;
  /** Of the content, in 64 hexadecimal digits. */
  readonly sha256: string;
  /** As it was put. */
  readonly contentType?: string;
  /** As it was put. */
  readonly metadata: Readonly<Record<string, JsonValue>>;
  /** When it was put. */
  readonly createdAt: Date;
}

/** A version with its content. */
export interface Artifact extends ArtifactInfo {
  /** The content, checked against its SHA-256. */
  readonly bytes: Uint8Array;
}

/** What came of a put. */
export interface ArtifactReceipt {
  /** The version that was put. */
  readonly artifact: ArtifactInfo;
  /** An earlier call with this id put it: nothing was written. */
  readonly duplicate: boolean;
}

/** The options of `createArtifacts`. */
export interface ArtifactsOptions extends RedactOption {
  /** Milliseconds since 1970. Default the process's clock. It dates versions and uploads. */
  readonly clock?: Clock;
}

/** Which version is meant. */
export interface ArtifactVersionOptions extends CallOptions {
  /** Default: the last one. */
  readonly version?: number | undefined;
}

/** Which artifacts `list` returns. */
export interface ListArtifactsOptions extends CallOptions {
  /** Only names that begin with this. */
  readonly prefix?: string;
  /** The `next` of the page before. */
  readonly after?: string | undefined;
  /** 1 to 1,000. Default 50. */
  readonly limit?: number | undefined;
}

/** Which versions `versions` returns. */
export interface ListVersionsOptions extends CallOptions {
  /** The `next` of the page before. */
  readonly after?: number | undefined;
  /** 1 to 1,000. Default 50. */
  readonly limit?: number | undefined;
}

/** A page of artifacts, each as its last version. */
export interface ArtifactPage {
  /** In the order of their names' UTF-8 bytes. */
  readonly artifacts: readonly ArtifactInfo[];
  /** Where the next page begins; absent on the last. */
  readonly next?: string;
}

/** A page of the versions of an artifact. */
export interface VersionPage {
  /** Newest first. */
  readonly versions: readonly ArtifactInfo[];
  /** Where the next page begins; absent on the last. */
  readonly next?: number;
}
