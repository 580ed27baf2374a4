/** One run of one session, and what is stored about it before an agent is started. */
import type { Identity, SessionIdentity, StateStore } from "groundstate";
import { createLedger } from "groundstate/ledger";
import { createRuns } from "groundstate/runs";
import { createSessions, type Sessions } from "groundstate/sessions";
import { together } from "groundstate/typed";
import type { Step } from "./recorded-run.js";

export type Run = Required<Identity>;

export interface About {
  readonly title: string;
}

export function sessionOf({ tenant, user, session }: Run): SessionIdentity {
  return { tenant, user, session };
}

export function sessionsOf(store: StateStore): Sessions<About, Step> {
  return createSessions<About, Step>(store);
}

/** Begins the session, starts its run, and sets a budget of so many model calls: all of it or nothing. */
export async function startRun(store: StateStore, run: Run, title: string, calls: number): Promise<void> {
  const session = sessionOf(run);
  await together(store, async (unit) => {
    await sessionsOf(store).in(unit).create(session, { metadata: { title } });
    await createLedger(store).in(unit).setBudget(session, { calls });
    await createRuns(store).in(unit).start(session, { id: run.run, name: "quickstart" });
  });
}

/** The key of a step. It follows from what it names, so that another process asks for the same step. */
export function keyOf(number: number): string {
  return `turn-${number}`;
}
