/** What the agent thought, did and saw: a session with its events. */
import type { SessionIdentity, StateStore } from "groundstate";
import { createSessions, type Sessions } from "groundstate/sessions";
import type { Step } from "./recorded-run.js";

export interface About {
  readonly title: string;
}

export function sessionsOf(store: StateStore): Sessions<About, Step> {
  return createSessions<About, Step>(store);
}

/** Begins the session, or finds the one that was begun before: how many of its steps are in it. */
export async function beginOrResume(
  sessions: Sessions<About, Step>,
  session: SessionIdentity,
  title: string,
): Promise<number> {
  // The event id makes it the same call when the agent starts again, so that there is one session.
  await sessions.create(session, { metadata: { title }, eventId: session.session });
  const [last] = await sessions.read(session, { reverse: true, limit: 1 });
  return last?.number ?? 0;
}

/** Adds a step to the history; sent once more, it is known. */
export async function remember(
  sessions: Sessions<About, Step>,
  session: SessionIdentity,
  number: number,
  step: Step,
): Promise<{ duplicate: boolean }> {
  return sessions.append(session, { id: stepId(session, number), value: step });
}

/** Follows from what it names, so that a step that is sent again is the same event. */
export function stepId({ session }: SessionIdentity, number: number): string {
  return `${session}.${String(number).padStart(4, "0")}`;
}
