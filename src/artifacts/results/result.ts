import type { ContentSource } from "../../content/source.js";
import type { RedactOption } from "../../contract/redact.js";
import type { CallOptions } from "../../contract/store.js";
import type { JsonInput, JsonValue } from "../../typed/json-value.js";
import type { Clock } from "../../typed/time.js";

/** A result to keep, of which a model is shown the preview and the reference. */
export interface NewResult {
  /** Bytes, a text (stored as UTF-8), or a stream of bytes, of any size. */
  readonly content: ContentSource;
  /** The tool whose result it is: 1 to 512 UTF-8 bytes. */
  readonly tool?: string;
  /** A media type, such as `application/json`: up to 255 UTF-8 bytes. */
  readonly contentType?: string;
  /** Up to 16 KiB of JSON. Default: none. */
  readonly metadata?: Readonly<Record<string, JsonInput>>;
  /** How much of the beginning is in the preview, in bytes: 0 to 16,384. Default 2,048. */
  readonly previewBytes?: number;
  /** How long it is kept, in milliseconds: 1 to ten years. Default: as long as the session. */
  readonly ttlMs?: number;
  /** The reference: 1 to 105 UTF-8 bytes. With it the call happens once. Default: a short one is made. */
  readonly id?: string;
}

/** What is known of a result. */
export interface ResultInfo {
  /** The reference, unique in the session. */
  readonly id: string;
  /** In bytes. */
  readonly size: number;
  /** Of the content, in 64 hexadecimal digits. */
  readonly sha256: string;
  /** The beginning of the content as text; empty if it is no UTF-8. */
  readonly preview: string;
  /** The preview is all of the content. */
  readonly isWhole: boolean;
  /** As it was put. */
  readonly tool?: string;
  /** As it was put. */
  readonly contentType?: string;
  /** As it was put. */
  readonly metadata: Readonly<Record<string, JsonValue>>;
  /** When it was put. */
  readonly createdAt: Date;
  /** From when on nobody finds it any more. */
  readonly expiresAt?: Date;
}

/** A result with its content. */
export interface Result extends ResultInfo {
  /** The content, checked against its SHA-256. */
  readonly bytes: Uint8Array;
}

/** What came of a put. */
export interface ResultReceipt {
  /** What a model is shown. */
  readonly result: ResultInfo;
  /** An earlier call with this id put it: nothing was written. */
  readonly duplicate: boolean;
}

/** The options of `createResults`. */
export interface ResultsOptions extends RedactOption {
  /** Milliseconds since 1970. Default the process's clock. It dates results, and judges whether one has expired. */
  readonly clock?: Clock;
}

/** Which results `list` returns. */
export interface ListResultsOptions extends CallOptions {
  /** The `next` of the page before. */
  readonly after?: string | undefined;
  /** 1 to 1,000. Default 50. */
  readonly limit?: number | undefined;
}

/** A page of results. */
export interface ResultPage {
  /** In the order of their references' UTF-8 bytes. */
  readonly results: readonly ResultInfo[];
  /** Where the next page begins; absent on the last. */
  readonly next?: string;
}
