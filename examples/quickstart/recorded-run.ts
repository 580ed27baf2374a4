import { readFile } from "node:fs/promises";
import { LIMITS } from "groundstate";

/** One turn of an agent: what it thought, what it did, what came of it. */
export interface Step {
  readonly thought: string;
  readonly action: string;
  readonly observation: string;
}

/** What one turn used of the model; a run records it for all turns together. */
export interface ModelCall {
  readonly provider: string;
  readonly model: string;
  readonly promptTokens: number;
  readonly completionTokens: number;
  /** A decimal; missing where the run does not know. */
  readonly cost?: string;
}

export interface RecordedRun {
  readonly steps: readonly Step[];
  /** One for each step. */
  readonly calls: readonly ModelCall[];
}

/** The largest step: a record's limit, less what an approval stores beside the step. */
const MAX_STEP_BYTES = LIMITS.payloadBytes - 32 * 1024;

/** An unusable file, with what is wrong with it. */
export class BadRun extends Error {}

/**
 * Reads a recorded run: the steps of its `trajectory[]`, or where it has none the agent's turns in `history[]`, and what
 * `info.model_stats` says they used, in equal shares.
 */
export async function readRun(path: string): Promise<RecordedRun> {
  const run = parse(await readText(path));
  const trajectory = list(run, "trajectory");
  const history = list(run, "history");
  const steps = trajectory.length > 0 ? trajectory.map(stepOf) : stepsOfHistory(history);
  if (steps.length === 0)
    throw new BadRun("the recorded run holds no steps, neither in trajectory[] nor in history[]");
  for (const [index, step] of steps.entries()) checkSize(step, index + 1);
  return { steps, calls: callsOf(field(run, "info"), steps.length) };
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

function field(value: unknown, name: string): unknown {
  return isObject(value) ? value[name] : undefined;
}

function list(run: unknown, name: string): unknown[] {
  const value = field(run, name);
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
  const size = Buffer.byteLength(JSON.stringify(step));
  if (size <= MAX_STEP_BYTES) return;
  throw new BadRun(`step ${number} has ${size} bytes; it may have at most ${MAX_STEP_BYTES}`);
}

function callsOf(info: unknown, count: number): ModelCall[] {
  const stats = field(info, "model_stats");
  const prompt = shares(wholeNumber(field(stats, "tokens_sent")), count);
  const completion = shares(wholeNumber(field(stats, "tokens_received")), count);
  const cost = shares(picodollars(field(stats, "instance_cost")), count);
  const model = text(field(info, "model")).slice(0, 60) || "unknown";
  return Array.from({ length: count }, (_, index) => ({
    provider: "recorded",
    model,
    promptTokens: Number(prompt[index]),
    completionTokens: Number(completion[index]),
    ...(cost[index] ? { cost: dollars(cost[index]) } : {}),
  }));
}

/** Equal shares, the last one with what is left over: together they are the whole. */
function shares(total: bigint, count: number): bigint[] {
  const share = total / BigInt(count);
  const last = total - share * BigInt(count - 1);
  return Array.from({ length: count }, (_, index) => (index < count - 1 ? share : last));
}

function wholeNumber(value: unknown): bigint {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? BigInt(value) : 0n;
}

function picodollars(value: unknown): bigint {
  const isAmount = typeof value === "number" && value >= 0 && value < 1e9;
  return isAmount ? BigInt(value.toFixed(12).replace(".", "")) : 0n;
}

function dollars(pico: bigint): string {
  const digits = String(pico).padStart(13, "0");
  return `${digits.slice(0, -12)}.${digits.slice(-12)}`;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function text(value: unknown): string {
  // JSON text may hold half a character, which is no Unicode, and which no store keeps.
  if (typeof value === "string") return value.toWellFormed();
  return value === undefined || value === null ? "" : JSON.stringify(value);
}
