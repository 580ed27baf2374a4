import "./errors.js";

export type { CleanupOptions } from "../content/cleanup-options.js";
export type { TrimRange } from "../typed/journal-trim.js";
export type { SessionOrder, SessionStatus } from "./activity.js";
export { createSessions } from "./create-sessions.js";
export type { FieldFilter, FieldValue } from "./fields.js";
export type { FollowOptions, SessionFollow } from "./follow.js";
export type { AppendEventsOptions, ReadEvent, ReadEventsOptions } from "./history.js";
export type { HistoryChange } from "./history-cursor.js";
export type { SessionsInUnit, StateInUnit } from "./in-unit.js";
export type { ExpectOptions } from "./last-event.js";
export type {
  CountSessionsOptions,
  DamagedSession,
  ListSessionsOptions,
  MarkedSessionPage,
  MarkingListOptions,
  SessionPage,
} from "./listing.js";
export type {
  CreateOptions,
  CreateReceipt,
  DeleteSessionOptions,
  ForkOrigin,
  ForkSessionOptions,
  ImportSessionOptions,
  Metadata,
  MetadataInputOf,
  SessionsOptions,
} from "./options.js";
export type { SessionOverview } from "./overview.js";
export type { NewSessionIdentity, TenantRef, UserRef } from "./owners.js";
export type { Reindexed, ReindexOptions } from "./reindexing.js";
export type { RepairOptions } from "./repairing.js";
export type { RedactOptions, Replacement } from "./replacing.js";
export type { RewriteOptions, RewriteReceipt } from "./rewriting.js";
export type { SearchPage, SearchSessionsOptions, SessionMatch } from "./search.js";
export type { Session } from "./session.js";
export type { DamagedEvent, RedactedEvent, Redaction, SessionEvent, ValueEvent } from "./session-event.js";
export type { NotSearched } from "./session-index.js";
export type { SessionSearchOptions } from "./session-texts.js";
export type { Sessions } from "./sessions.js";
export type { StateEntriesOptions, StateEntry, StateMap } from "./state-map.js";
export type { NewSummary, SaveSummaryOptions, Summary } from "./summaries.js";
export type { TakeBackOptions, Truncated, TruncateRange } from "./taking-back.js";
