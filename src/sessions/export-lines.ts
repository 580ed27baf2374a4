import type { SessionIdentity } from "../contract/store.js";
import type { ExportedValue } from "../typed/exporting/exported-value.js";
import type { Redaction } from "../typed/journal-entry.js";
import type { JsonValue } from "../typed/json-value.js";
import type { Activity } from "./activity.js";
import type { SessionRecord } from "./session-record.js";

/** The version of the lines. A reader refuses those of a later one. */
export const EXPORT_VERSION = 1;

/** What the lines of an export say, in this order. Each line is an object with one of these names. Times are ISO 8601 in UTC. */
export interface ExportLines {
  /** The first line: what the lines are, and whose. */
  readonly export: { readonly of: "session"; readonly version: number; readonly identity: SessionIdentity };
  readonly session: ExportedSession;
  readonly event: ExportedEvent;
  readonly summary: { readonly upTo: number; readonly at: string; readonly value: JsonValue };
  readonly state: { readonly key: string; readonly at: string; readonly value: JsonValue };
  /** The last line: how many there were before it. */
  readonly end: { readonly lines: number };
}

export interface ExportedSession {
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly lastEventAt?: string;
  readonly closedAt?: string;
  readonly pinnedAt?: string;
  readonly forkedFrom?: { readonly session: string; readonly upTo: number };
  /** The number of the first event that is not trimmed. */
  readonly first: number;
  /** The number of the next event. Numbers below it that have no line were taken back. */
  readonly next: number;
  readonly metadataVersion?: number;
  readonly metadata: JsonValue;
}

export type ExportedEvent =
  | ({
      readonly number: number;
      readonly id: string;
      readonly at: string;
      readonly replacedAt?: string;
    } & ExportedValue)
  | {
      readonly number: number;
      readonly id: string;
      readonly at: string;
      readonly redacted: { readonly by: string; readonly reason: string; readonly at: string };
    }
  /** Events that are damaged. */
  | { readonly number: number; readonly upTo: number; readonly damage: string };

export type LineName = keyof ExportLines;

/** A line, without the end of line. */
export function lineOf<N extends LineName>(name: N, content: ExportLines[N]): string {
  return JSON.stringify({ [name]: content });
}

export function exportedSession(
  { metadata, forkedFrom }: SessionRecord,
  activity: Activity,
  bounds: Pick<ExportedSession, "first" | "next">,
): ExportedSession {
  const { createdAt, updatedAt, lastEventAt, closedAt, pinnedAt } = activity;
  return {
    createdAt: textOf(createdAt),
    updatedAt: textOf(updatedAt),
    ...(lastEventAt !== undefined && { lastEventAt: textOf(lastEventAt) }),
    ...(closedAt !== undefined && { closedAt: textOf(closedAt) }),
    ...(pinnedAt !== undefined && { pinnedAt: textOf(pinnedAt) }),
    ...(forkedFrom && { forkedFrom: { session: forkedFrom.session, upTo: forkedFrom.upTo } }),
    first: bounds.first,
    next: bounds.next,
    ...(metadata.version > 0 && { metadataVersion: metadata.version }),
    metadata: metadata.value,
  };
}

export function exportedRedaction({ by, reason, at }: Redaction) {
  return { by, reason, at: at.toISOString() };
}

function textOf(time: number): string {
  return new Date(time).toISOString();
}
