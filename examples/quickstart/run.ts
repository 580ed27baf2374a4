/** One run of one session, and what is stored about it before an agent is started. */
import type { Identity, SessionIdentity } from "groundstate";
import type { Runtime } from "groundstate/runtime";
import type { Step } from "./recorded-run.js";

export type Run = Required<Identity>;

export interface About {
  readonly title: string;
}

/** Everything that is stored, with sessions of this metadata and these events. */
export type State = Runtime<About, Step>;

export function sessionOf({ tenant, user, session }: Run): SessionIdentity {
  return { tenant, user, session };
}

/** Begins the session, starts its run, and sets a budget of so many model calls: all of it or nothing. */
export async function startRun(state: State, run: Run, title: string, calls: number): Promise<void> {
  const { sessions, ledger, runs } = state;
  const session = sessionOf(run);
  await state.together(async (unit) => {
    await sessions.in(unit).create(session, { metadata: { title } });
    await ledger.in(unit).setBudget(session, { calls });
    await runs.in(unit).start(session, { id: run.run, name: "quickstart" });
  });
}

/** The key of a step. It follows from what it names, so that another process asks for the same step. */
export function keyOf(number: number): string {
  return `turn-${number}`;
}
