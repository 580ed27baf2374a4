import "../../../dist/drivers/index.js";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { newEventId, openStore, type SessionIdentity, type StateStore } from "../../../dist/src/index.js";
import { createRuns } from "../../../dist/src/runs/index.js";

export interface ClaimsInput {
  readonly driver: "sqlite" | "postgres";
  readonly folder: string;
  readonly url?: string;
  readonly who: SessionIdentity;
  /** `start`: starts runs. `claim`: claims and completes them until none is left. `commit`: bare commits of as many changes. */
  readonly work: "start" | "claim" | "commit";
  readonly count: number;
  /** When all processes begin, in milliseconds since 1970. */
  readonly at: number;
}

export interface ClaimsResult {
  readonly done: number;
  /** In milliseconds since 1970. */
  readonly began: number;
  readonly ended: number;
}

/** What a claim or a completion of a run writes, in changes. */
const CHANGES = 8;
const LEASE_MS = 60_000;

/** One of the processes that work on a queue of runs, one call after another. */
export async function run(input: ClaimsInput): Promise<ClaimsResult> {
  const store = await open(input);
  try {
    await sleep(Math.max(0, input.at - Date.now()));
    const began = Date.now();
    const done = await WORKS[input.work](store, input);
    return { done, began, ended: Date.now() };
  } finally {
    await store.close();
  }
}

const WORKS = {
  async start(store: StateStore, { who, count }: ClaimsInput): Promise<number> {
    const runs = createRuns(store);
    await Promise.all(Array.from({ length: count }, (_, n) => runs.start(who, { id: `run-${n}` })));
    return count;
  },
  async claim(store: StateStore, { who }: ClaimsInput): Promise<number> {
    const runs = createRuns(store);
    for (let done = 0; ; done++) {
      const claimed = await runs.claimNext(
        { tenant: who.tenant },
        { worker: `${process.pid}`, leaseMs: LEASE_MS },
      );
      if (claimed === undefined) return done;
      await runs.complete(claimed.lease);
    }
  },
  async commit(store: StateStore, { who, count }: ClaimsInput): Promise<number> {
    const bytes = Buffer.alloc(150);
    for (let done = 0; done < count; done++) {
      const place = `${process.pid}/${done}`;
      await store.commit(
        Array.from({ length: CHANGES }, (_, n) => ({
          op: "save" as const,
          record: { eventId: newEventId(), identity: who, kind: `bare/${place}/${n}`, bytes },
        })),
      );
    }
    return count;
  },
};

function open({ driver, folder, url = "" }: ClaimsInput): Promise<StateStore> {
  if (driver === "sqlite")
    return openStore({ driver, path: join(folder, "claims.db"), busyTimeoutMs: 60_000 });
  return openStore({ driver, url, schema: "claims", timeoutMs: 120_000 });
}
