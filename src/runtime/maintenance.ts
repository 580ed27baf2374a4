import type { Approvals } from "../approvals/index.js";
import type { Artifacts, Results } from "../artifacts/index.js";
import type { Checkpoints } from "../checkpoints/index.js";
import type { CallOptions, MaintenanceScope } from "../contract/store.js";
import type { Expiring } from "../expiring/index.js";
import type { Memories } from "../memories/index.js";
import type { Questions } from "../questions/index.js";
import type { Schedules } from "../schedules/index.js";
import type { Sessions } from "../sessions/index.js";
import type { ToolCalls } from "../tool-calls/index.js";

/** How much `maintain` did. */
export interface Maintained {
  /** Approvals that were marked as expired. */
  readonly approvals: number;
  /** Questions that were marked as expired. */
  readonly questions: number;
  /** Schedules whose deletion was interrupted, and whose history was removed. */
  readonly schedules: number;
  /** Memories past their time that were removed. */
  readonly memories: number;
  /** Values past their time that were removed. */
  readonly expiring: number;
  /** Uploads of artifacts that were cut off and removed. */
  readonly artifacts: number;
  /** Results past their time, and uploads of results that were cut off, that were removed. */
  readonly results: number;
  /** Large events of sessions that were cut off and removed. */
  readonly sessions: number;
  /** Large arguments and results of tool calls that were cut off and removed. */
  readonly toolCalls: number;
  /** Leftovers of checkpoints that were removed. */
  readonly checkpoints: number;
}

/** The wrappers that have something to do. */
interface Wrappers {
  readonly approvals: Approvals;
  readonly questions: Questions;
  readonly schedules: Schedules;
  readonly memories: Memories;
  readonly expiring: Expiring;
  readonly artifacts: Artifacts;
  readonly results: Results;
  readonly sessions: Pick<Sessions<unknown, unknown>, "cleanup">;
  readonly toolCalls: Pick<ToolCalls, "cleanup">;
  readonly checkpoints: Pick<Checkpoints, "recover">;
}

const WORK: {
  readonly [Name in keyof Maintained]: (wrappers: Wrappers, ...given: Given) => Promise<number>;
} = {
  approvals: ({ approvals }, ...given) => approvals.expireOverdue(...given),
  questions: ({ questions }, ...given) => questions.expireOverdue(...given),
  schedules: ({ schedules }, ...given) => schedules.removeDeleted(...given),
  memories: ({ memories }, ...given) => removeExpired(memories, ...given),
  expiring: ({ expiring }, ...given) => removeExpired(expiring, ...given),
  artifacts: ({ artifacts }, ...given) => artifacts.cleanup(...given),
  results: ({ results }, ...given) => results.cleanup(...given),
  sessions: ({ sessions }, ...given) => sessions.cleanup(...given),
  toolCalls: ({ toolCalls }, ...given) => toolCalls.cleanup(...given),
  checkpoints: ({ checkpoints }, ...given) => checkpoints.recover(...given),
};

type Given = readonly [scope: MaintenanceScope, options: CallOptions];

/** What fails in one wrapper keeps no other from its turn: the first error is thrown at the end. */
export async function maintainAll(wrappers: Wrappers, ...given: Given): Promise<Maintained> {
  const counts: Record<string, number> = {};
  const errors: unknown[] = [];
  for (const [name, work] of Object.entries(WORK)) {
    given[1].signal?.throwIfAborted();
    try {
      counts[name] = await work(wrappers, ...given);
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) throw errors[0];
  return counts as unknown as Maintained;
}

async function removeExpired(
  wrapper: Pick<Expiring, "cleanup">,
  ...[scope, options]: Given
): Promise<number> {
  let removed = 0;
  for (let after: string | undefined; ; ) {
    const page = await wrapper.cleanup(scope, { ...options, after });
    removed += page.removed;
    if (page.next === undefined) return removed;
    after = page.next;
  }
}
