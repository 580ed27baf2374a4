import { readFile } from "node:fs/promises";
import { LIMITS } from "groundstate";

/** One turn of an agent: what it thought, what it did, what came of it. */
export interface Step {
  readonly thought: string;
  readonly action: string;
  readonly observation: string;
}

/** What is wrong with the file, in words for whoever chose it. */
export class BadRun extends Error {}

/** Reads the steps of a recorded run: its `trajectory[]`, or where it has none the agent's turns in `history[]`. */
export async function readRun(path: string): Promise<Step[]> {
  const run = parse(await readText(path));
  const trajectory = field(run, "trajectory");
  const history = field(run, "history");
  const steps = trajectory.length > 0 ? trajectory.map(stepOf) : stepsOfHistory(history);
  if (steps.length === 0)
    throw new BadRun("the recorded run holds no steps, neither in trajectory[] nor in history[]");
  for (const [index, step] of steps.entries()) checkSize(step, index + 1);
  return steps;
}

/** A step as it is stored. */
export function encode(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

export function decode<T>(bytes: Uint8Array): T {
  return JSON.parse(Buffer.from(bytes).toString()) as T;
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw new BadRun(`cannot read the recorded run ${path} (${(error as NodeJS.ErrnoException).code})`);
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new BadRun("the recorded run is not JSON");
  }
}

function field(run: unknown, name: string): unknown[] {
  const value = isObject(run) ? run[name] : undefined;
  return Array.isArray(value) ? value : [];
}

function stepOf(entry: unknown): Step {
  if (!isObject(entry)) throw new BadRun("the recorded run has a step that is no object");
  return { thought: text(entry.thought), action: text(entry.action), observation: text(entry.observation) };
}

/** A turn of the agent is an assistant's message; what came of it is the message that follows. */
function stepsOfHistory(history: unknown[]): Step[] {
  return history.flatMap((entry, index) => {
    if (!isObject(entry) || entry.role !== "assistant" || entry.is_demo === true) return [];
    const next = history[index + 1];
    const answered = isObject(next) && next.role !== "assistant";
    return [{ ...stepOf(entry), observation: answered ? text(next.content) : "" }];
  });
}

function checkSize(step: Step, number: number): void {
  const size = encode(step).byteLength;
  if (size <= LIMITS.payloadBytes) return;
  throw new BadRun(`step ${number} has ${size} bytes; a record holds at most ${LIMITS.payloadBytes}`);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function text(value: unknown): string {
  if (typeof value === "string") return value;
  return value === undefined || value === null ? "" : JSON.stringify(value);
}
