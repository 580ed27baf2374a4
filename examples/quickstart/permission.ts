/** A command that a person has to allow: asked for, decided in another process, carried out once. */
import { type Run, type State, sessionOf } from "./run.js";

/** What the agent wants to do. */
export function shellCall(command: string) {
  return { tool: "shell", arguments: { command } };
}

/** Asks for a command under an id, which makes it the same request when it is asked for again after a crash. */
export async function ask({ approvals }: State, run: Run, id: string, command: string): Promise<void> {
  await approvals.request(sessionOf(run), {
    ...shellCall(command),
    id,
    run: run.run,
    requester: run.user,
    sideEffect: "writes",
    question: "May the agent do this?",
  });
}

/** Waits until a person has decided. */
export async function allowed({ approvals }: State, run: Run, id: string): Promise<void> {
  const { status } = await approvals.wait(sessionOf(run), id);
  if (status === "denied" || status === "expired") throw new Error(`the command was ${status}`);
}
