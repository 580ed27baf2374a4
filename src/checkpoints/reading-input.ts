import { invalid } from "../contract/errors.js";
import type { SessionIdentity } from "../contract/store.js";
import type { InputReader } from "../typed/input-reader.js";
import { readNamed } from "../validation/validate.js";
import type { CheckpointRef } from "./checkpoint.js";
import type { Place } from "./kinds.js";
import { readNewCheckpoint, readRef } from "./new-checkpoint.js";
import type { PutInput } from "./putting.js";
import { readTaskWrites, type TaskWrites, WRITE_FIELDS } from "./writes.js";

/** The pending writes of a task, and the checkpoint that they are for. */
export interface NewWrites<Input> extends CheckpointRef, TaskWrites<Input> {}

/** What a call puts, and where. */
export interface PlacedInput {
  readonly place: Place;
  readonly input: PutInput;
}

const MAX_TASKS = 100;
const REF = ["lineage", "namespace", "id"];

/** Reads what `put` is given. INVALID_RECORD. */
export function readNewPut(identity: SessionIdentity, checkpoint: unknown, inputs: InputReader): PlacedInput {
  const { place, input } = readNewCheckpoint(identity, checkpoint, inputs);
  return { place, input: { checkpoint: input } };
}

/** Reads what `putWrites` is given. INVALID_RECORD. */
export function readNewWrites(identity: SessionIdentity, writes: unknown): PlacedInput {
  const given = readNamed(writes, "writes", [...REF, ...WRITE_FIELDS]) as NewWrites<unknown>;
  const { lineage, id } = given;
  const namespace = "namespace" in given ? { namespace: given.namespace as string } : {};
  const ref = readRef(identity, { lineage, id, ...namespace });
  return { place: ref.place, input: { pending: { of: ref.id, writes: [readTaskWrites(given)] } } };
}

/** Reads what `putAll` is given. INVALID_RECORD. */
export function readNewAll(
  identity: SessionIdentity,
  checkpoint: unknown,
  tasks: unknown,
  inputs: InputReader,
): PlacedInput {
  const { place, input } = readNewCheckpoint(identity, checkpoint, inputs);
  if (input.id === undefined) throw invalid("id", "given for a checkpoint with pending writes");
  if (!Array.isArray(tasks) || tasks.length < 1 || tasks.length > MAX_TASKS)
    throw invalid("tasks", `a list of 1 to ${MAX_TASKS} tasks`);
  const writes = tasks.map((task) => readTaskWrites(readNamed(task, "tasks", WRITE_FIELDS)));
  if (new Set(writes.map(({ task }) => task)).size < writes.length)
    throw invalid("task", "different for each task");
  return { place, input: { checkpoint: input, pending: { of: input.id, writes } } };
}
