import type { RedactOption } from "../../contract/redact.js";
import type { CallOptions } from "../../contract/store.js";
import type { JsonInput, JsonValue } from "../../typed/json-value.js";

/** The options of `createErrors`. */
export interface ErrorsOptions extends RedactOption {}

/** An error of a tool to record. */
export interface NewRecordedError {
  /** The tool that failed: 1 to 512 UTF-8 bytes. */
  readonly tool: string;
  /** What it said. Of more than 16 KiB the beginning is kept. */
  readonly message: string;
  /** What it was called with. Of more than 32 KiB of JSON the beginning is kept, as text. */
  readonly arguments?: JsonInput;
  /** Where it failed. Of more than 16 KiB the beginning is kept. */
  readonly stack?: string;
  /** The step of the run: 1 to 512 UTF-8 bytes. */
  readonly step?: string;
  /** Makes the call happen once: 1 to 105 UTF-8 bytes. */
  readonly id?: string;
}

/** Fields of which only the beginning was kept. */
export type CutField = "message" | "arguments" | "stack";

/** An error as it was recorded. */
export interface RecordedError {
  /** A short reference, unique in the session: `E1`, `E2` and so on. */
  readonly ref: string;
  /** The tool that failed. */
  readonly tool: string;
  /** What it said. */
  readonly message: string;
  /** What it was called with; of arguments that were cut, the beginning of their JSON text. */
  readonly arguments?: JsonValue;
  /** Where it failed. */
  readonly stack?: string;
  /** The step of the run. */
  readonly step?: string;
  /** Of which fields only the beginning was kept; empty if all is there. */
  readonly cut: readonly CutField[];
  /** When it was recorded, by the store's clock. */
  readonly at: Date;
}

/** What came of a record. */
export interface ErrorReceipt {
  /** The reference, for a model to quote. */
  readonly ref: string;
  /** An earlier call with this id recorded it: nothing was written. */
  readonly duplicate: boolean;
}

/** Which errors `list` returns. */
export interface ListErrorsOptions extends CallOptions {
  /** The `next` of the page before. */
  readonly after?: string | undefined;
  /** 1 to 100. Default 20. */
  readonly limit?: number | undefined;
}

/** A page of errors. */
export interface ErrorPage {
  /** Newest first. */
  readonly errors: readonly RecordedError[];
  /** Where the next page begins; absent on the last. */
  readonly next?: string;
}
