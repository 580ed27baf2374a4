import { invalid } from "../contract/errors.js";
import type { RedactOption } from "../contract/redact.js";
import type { CallOptions } from "../contract/store.js";
import {
  type CountOptions,
  type ListedOf,
  type ListRecordsOptions,
  readCursor,
} from "../lifecycle/options.js";
import type { Clock } from "../typed/time.js";
import {
  readDate,
  readLimit,
  readObject,
  readOneOf,
  readOptions,
  readSignal,
} from "../validation/validate.js";
import type { Approval, ApprovalStatus } from "./approval.js";
import type { AuditKeeping, AuditRange } from "./audit.js";
import type { AuditEntry } from "./audit-entry.js";
import type { DecidersOptions } from "./deciders.js";

/** The options of `createApprovals`. */
export interface ApprovalsOptions extends DecidersOptions, RedactOption {
  /** How often `wait` looks for decisions of other processes, in milliseconds: 1 to 60,000. Default 250. */
  readonly pollMs?: number;
  /**
   * Milliseconds since 1970. Default the process's clock. It decides at each call whether an approval has expired, so the
   * clocks of all processes should agree to within a few seconds.
   */
  readonly clock?: Clock;
  /**
   * What the tenant's audit list keeps of decisions that this process makes: `all` (the default), `without-arguments` (neither
   * arguments nor senders), or nothing (`off`).
   */
  readonly audit?: AuditKeeping;
}

/** The result of a request. */
export interface ApprovalReceipt {
  /** The approval. */
  readonly approval: Approval;
  /** The approval was requested before: this call wrote nothing, and `approval` is its current state. */
  readonly duplicate: boolean;
}

/** Whose approvals to list: those of a session, of a user in all sessions, or of a whole tenant. */
export type Where = ListedOf;

/** Which approval: its session and its id, as an `Approval` has them. */
export type ApprovalTarget = Pick<Approval, "identity" | "id">;

/** Only approvals with all of these. */
export interface ApprovalFilter {
  /** The tool. */
  readonly tool?: string;
  /** The run that asked. */
  readonly run?: string;
  /** Who asked. */
  readonly requester?: string;
  /** Who should decide. */
  readonly assignee?: string;
  /** The digest of the call that was asked for, as `callDigest` calculates it. */
  readonly digest?: string;
}

/** Which approvals `list` returns. */
export interface ListApprovalsOptions
  extends Omit<ListRecordsOptions<ApprovalStatus>, "by">,
    ApprovalFilter {}

/** Which approvals `count` counts. */
export interface CountApprovalsOptions<Status extends ApprovalStatus = ApprovalStatus>
  extends Omit<CountOptions<Status>, "by">,
    ApprovalFilter {}

/** Which decisions `audit` returns. */
export interface AuditOptions extends CallOptions {
  /** Only those from this time on. */
  readonly since?: Date;
  /** Only those before this time. */
  readonly until?: Date;
  /** By the time of the decision. Default `newest`. */
  readonly order?: "newest" | "oldest";
  /** 1 to 1,000. Default 50. */
  readonly limit?: number;
  /** The `next` of the previous page. Absent or `undefined`: the first page. */
  readonly after?: string | undefined;
}

/** A page of the audit list. */
export interface AuditPage {
  /** In the order that was asked for. */
  readonly entries: readonly AuditEntry[];
  /** The cursor of the next page. Absent on the last page. */
  readonly next?: string;
}

/** A page of approvals. */
export interface ApprovalPage {
  /**
   * In the order that was asked for. They can be fewer than `limit` though there are more: one call reads past 10,000 approvals
   * that do not match a filter, and about 16 MiB of approvals at most.
   */
  readonly approvals: readonly Approval[];
  /** The cursor of the next page. Absent on the last page. */
  readonly next?: string;
}

/** Which approvals `recover` returns. */
export interface RecoverOptions extends CallOptions {
  /** Default `pending`. */
  readonly status?: "pending" | "approved" | "claimed" | readonly ("pending" | "approved" | "claimed")[];
}

export const KEEPINGS: readonly AuditKeeping[] = ["all", "without-arguments", "off"];

export const FILTERS = ["tool", "run", "requester", "assignee", "digest"] as const;
const MAX_TARGETS = 1000;

/** Reads which approvals are decided together. Each is read by its own decision. */
export function readTargets(targets: unknown, input: unknown): readonly ApprovalTarget[] {
  const rule = `a list of 1 to ${MAX_TARGETS} approvals`;
  if (!Array.isArray(targets) || targets.length < 1 || targets.length > MAX_TARGETS)
    throw invalid("targets", rule);
  if ("arguments" in readObject(input, "input"))
    throw invalid("arguments", "left out: each approval has its own");
  return targets.map((target) => {
    const { identity, id } = readObject(target, "targets") as ApprovalTarget;
    return { identity, id };
  });
}

export function readAudit(options: AuditOptions | undefined): AuditRange {
  const names = ["since", "until", "order", "limit", "after", "signal"];
  const given: AuditOptions = { ...readOptions(options, names) };
  return {
    since: "since" in given ? readDate(given.since, "since") : undefined,
    until: "until" in given ? readDate(given.until, "until") : undefined,
    order: "order" in given ? readOneOf(given.order, "order", ["newest", "oldest"]) : "newest",
    limit: "limit" in given ? readLimit(given.limit, 1000) : 50,
    after: given.after === undefined ? undefined : readCursor(given.after),
    signal: readSignal(given),
  };
}
