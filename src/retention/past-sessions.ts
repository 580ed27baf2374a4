import { isStateError } from "../contract/errors.js";
import type { CallOptions, SessionIdentity } from "../contract/store.js";
import type { Ledger, Usage } from "../ledger/index.js";
import type {
  MarkingListOptions,
  SessionOverview,
  SessionStatus,
  Sessions,
  TenantRef,
  UserRef,
} from "../sessions/index.js";
import { mapInSlices } from "../typed/slices.js";
import { readLimit, readOptions, readSignal } from "../validation/validate.js";
import { readText } from "../validation/validate-text.js";

/** A session as a list of past ones shows it. */
export interface PastSession extends SessionOverview {
  /** Whose it is. */
  readonly identity: SessionIdentity;
  /** Whether it takes events. */
  readonly status: SessionStatus;
  /** Whether retention leaves it. */
  readonly isPinned: boolean;
  /** When it was created. */
  readonly firstSeenAt: Date;
  /** When its last event was appended; without events, when it was created. */
  readonly lastSeenAt: Date;
  /** What the ledger has of it: calls, tokens and cost. */
  readonly usage: Usage;
}

/** Which past sessions are listed. */
export interface PastSessionsOptions extends CallOptions {
  /** 1 to 200. Default 20. */
  readonly limit?: number | undefined;
  /** The `next` of the page before. */
  readonly after?: string | undefined;
}

/** A page of past sessions. */
export interface PastSessionPage {
  /** The one whose last event came last first. */
  readonly sessions: readonly PastSession[];
  /** Where the next page begins; absent on the last. */
  readonly next?: string;
}

/** What is asked of sessions, whatever their codecs. */
export type PastSessionSource = Pick<Sessions<unknown, unknown, never, never>, "list" | "overview">;

const DEFAULT_LIMIT = 20;
const MAX_LIMIT = 200;
const MAX_CURSOR_BYTES = 4_096;

/** Sessions of a user or a tenant with what a list of them shows. Those that cannot be read are left out. */
export async function pastSessions(
  sessions: PastSessionSource,
  ledger: Ledger,
  who: UserRef | TenantRef,
  options: PastSessionsOptions | undefined,
): Promise<PastSessionPage> {
  const given = readOptions(options, ["limit", "after", "signal"]) as PastSessionsOptions;
  const signal = readSignal({ ...given });
  const range: MarkingListOptions = {
    orderBy: "lastEventAt",
    damaged: "mark",
    limit: given.limit === undefined ? DEFAULT_LIMIT : readLimit(given.limit, MAX_LIMIT),
    after: given.after === undefined ? undefined : readText(given.after, "after", MAX_CURSOR_BYTES),
    signal,
  };
  const page = await sessions.list(who, range);
  const found = await mapInSlices(page.sessions, async (session) => {
    if (session.status === undefined) return [];
    const { identity, status, createdAt, lastEventAt, pinnedAt } = session;
    const [overview, usage] = await Promise.all([
      sessions.overview(identity, { signal }).catch(undefinedIfGone),
      ledger.totals(identity, { signal }),
    ]);
    if (overview === undefined) return [];
    const lastSeenAt = lastEventAt ?? createdAt;
    const isPinned = pinnedAt !== undefined;
    return [{ identity, status, isPinned, ...overview, firstSeenAt: createdAt, lastSeenAt, usage }];
  });
  return { sessions: found.flat(), ...(page.next !== undefined && { next: page.next }) };
}

/** It was deleted since the page was read, or is damaged. */
function undefinedIfGone(error: unknown): undefined {
  if (!isStateError(error, "NOT_FOUND") && !isStateError(error, "CORRUPT")) throw error;
}
