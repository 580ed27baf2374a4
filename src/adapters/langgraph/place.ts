import type { CheckpointTuple } from "@langchain/langgraph-checkpoint";
import type { CheckpointPlace } from "../../checkpoints/index.js";
import { wrongType } from "../../contract/errors.js";
import type { SessionIdentity, UserIdentity } from "../../contract/store.js";
import { safeName } from "../../identity/safe-name.js";

/** What a graph is called with, and what its checkpoints are asked by. */
export type Config = CheckpointTuple["config"];

/** The fields of `config.configurable`. */
export type Configurable = NonNullable<Config["configurable"]>;

/** All checkpoints of a thread are one lineage of its session. */
export const LINEAGE = "langgraph";

/** A thread is a session, whose name is made of the thread's id. */
export function sessionOf(owner: UserIdentity, thread: unknown): SessionIdentity {
  if (typeof thread !== "string" || thread === "")
    throw wrongType("thread_id", "a text of `configurable`: it says which conversation this is", thread);
  return { ...owner, session: safeName(thread) };
}

export function placeOf(namespace: unknown): CheckpointPlace & { readonly namespace: string } {
  return { lineage: LINEAGE, namespace: nameOf(namespace) };
}

/** The namespace of the configuration; `""` is that of the graph itself. */
export function namespaceOf({ checkpoint_ns = "" }: Configurable): string {
  if (typeof checkpoint_ns !== "string") throw wrongType("checkpoint_ns", "a text", checkpoint_ns);
  return checkpoint_ns;
}

/** The id of the checkpoint that the configuration names. */
export function checkpointIdOf({ checkpoint_id, thread_ts }: Configurable): string | undefined {
  return checkpoint_id || thread_ts || undefined;
}

/** A configuration that names one checkpoint. */
export function configOf(thread: string, namespace: string, id: string): Config {
  return { configurable: { thread_id: thread, checkpoint_ns: namespace, checkpoint_id: id } };
}

function nameOf(namespace: unknown): string {
  return namespace === "" ? "" : safeName(namespace as string);
}
