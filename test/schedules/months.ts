import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { SessionIdentity, StateStore } from "../../src/index.js";
import {
  createSchedules,
  type NewSchedule,
  type Occurrence,
  type Schedules,
} from "../../src/schedules/index.js";
import type { RandomChoices } from "../random.js";
import { timesOf } from "./plan.js";

const WORKER = fileURLToPath(new URL("worker.mjs", import.meta.url));
const LEASE_MS = 600_000;
const HOUR = 3_600_000;
const DAY = 86_400_000;

/** What the store says in the end, what the workers said line by line, and at which times somebody worked. */
export interface Account {
  readonly plan: readonly NewSchedule[];
  readonly start: number;
  /** To what the clock was set, each time until nothing was due. */
  readonly stops: readonly number[];
  readonly occurrences: readonly Occurrence[];
  /** `ran <schedule> <number> <fence>` before the work, `told <schedule> <number> <fence> <answer>` after its end. */
  readonly lines: readonly string[];
  readonly deaths: number;
}

export interface Months {
  readonly workers: number;
  /** How many workers die while they hold an occurrence, each replaced by a new one. */
  readonly deaths: number;
  readonly start: number;
  readonly end: number;
  readonly plan: readonly NewSchedule[];
  /** The share of times after which nobody works for up to six days. */
  readonly outages: number;
}

/** Lets processes work through months by a clock that is set, and returns what became of each time. */
export async function workThrough(
  { store, url }: { readonly store: StateStore; readonly url: string },
  who: SessionIdentity,
  { workers, deaths, ...task }: Months,
  dice: RandomChoices,
): Promise<Account> {
  const { start, plan } = task;
  const folder = mkdtempSync(join(tmpdir(), "groundstate-schedules-"));
  const time = new SharedClock(join(folder, "clock"), start);
  const schedules = createSchedules(store, { clock: () => time.now });
  const given = { url, tenant: who.tenant, folder, leaseMs: LEASE_MS };
  // Each dies at a claim of its own. Those that come later put a few again.
  const crew = new Crew((me) => ({
    ...given,
    me,
    plan: me < workers ? plan : plan.slice(0, 5),
    diesAt: me < deaths ? 2 + dice.below(8) : 0,
  }));
  try {
    for (let n = 0; n < workers; n++) crew.hire();
    while ((await schedules.list(who, { limit: 1000 })).schedules.length < plan.length) await crew.rest();
    const stops = await goThrough({ schedules, who, crew, time }, task, dice);
    while ((await schedules.occurrences(who, { status: "running" })).occurrences.length > 0)
      await crew.rest();
    await crew.dismiss();
    return {
      plan,
      start,
      stops,
      occurrences: await allOf(schedules, who),
      lines: readdirSync(folder)
        .filter((name) => name.startsWith("worker-"))
        .flatMap((name) => readFileSync(join(folder, name), "utf8").split("\n").filter(Boolean)),
      deaths: crew.deaths,
    };
  } finally {
    await crew.dismiss();
    time.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Scene {
  readonly schedules: Schedules;
  readonly who: SessionIdentity;
  readonly crew: Crew;
  readonly time: SharedClock;
}

/** Mostly from one time to the next, now and then over days in which nobody works, and now and then back. */
async function goThrough(
  { schedules, who, crew, time }: Scene,
  { plan, start, end, outages }: Pick<Months, "plan" | "start" | "end" | "outages">,
  dice: RandomChoices,
): Promise<number[]> {
  const times = [...new Set(plan.flatMap((one) => timesOf(one, start, end)))].sort((a, b) => a - b);
  const stops: number[] = [];
  for (let now = start; now < end; ) {
    const next = times.find((one) => one > now) ?? end;
    now = dice.chance(outages) ? next + dice.below(6 * DAY) : next + dice.below(40_000);
    if (now > end) now = end;
    time.set(now);
    stops.push(now);
    while ((await schedules.due(who, { limit: 1 })).length > 0) await crew.rest();
    if (!dice.chance(0.05)) continue;
    time.set(now - 2 * HOUR);
    await sleep(10);
  }
  // What those who died last have left.
  time.set(end + LEASE_MS + 1);
  stops.push(end + LEASE_MS + 1);
  while ((await schedules.due(who, { limit: 1 })).length > 0) await crew.rest();
  return stops;
}

async function allOf(schedules: Schedules, who: SessionIdentity): Promise<Occurrence[]> {
  const all: Occurrence[] = [];
  for (let after: string | undefined; ; ) {
    const page = await schedules.occurrences(who, { limit: 1000, after });
    all.push(...page.occurrences);
    if (page.next === undefined) return all;
    after = page.next;
  }
}

/** A clock that the processes read from a file. */
class SharedClock {
  readonly #file: number;
  #now = 0;

  constructor(path: string, start: number) {
    this.#file = openSync(path, "w+");
    this.set(start);
  }

  get now(): number {
    return this.#now;
  }

  set(time: number): void {
    const bytes = Buffer.alloc(8);
    bytes.writeDoubleLE(time);
    writeSync(this.#file, bytes, 0, 8, 0);
    this.#now = time;
  }

  close(): void {
    closeSync(this.#file);
  }
}

class Crew {
  readonly #argument: (me: number) => object;
  readonly #working = new Map<ChildProcess, Promise<void>>();
  #failure: Error | undefined;
  #hired = 0;
  deaths = 0;

  constructor(argument: (me: number) => object) {
    this.#argument = argument;
  }

  hire(): void {
    const child = spawn(process.execPath, [WORKER, JSON.stringify(this.#argument(this.#hired++))], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    let said = "";
    child.stderr?.on("data", (data) => {
      said += String(data);
    });
    const ended = new Promise<void>((resolve) => {
      child.on("exit", (_, signal) => {
        if (this.#working.delete(child)) {
          if (signal === "SIGKILL") this.deaths++;
          else this.#failure ??= new Error(`a worker ended: ${said}`);
          this.hire();
        }
        resolve();
      });
    });
    this.#working.set(child, ended);
  }

  /** Lets the workers work for a moment. */
  async rest(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    await sleep(5);
  }

  async dismiss(): Promise<void> {
    const all = [...this.#working];
    this.#working.clear();
    for (const [child] of all) child.kill("SIGKILL");
    await Promise.all(all.map(([, ended]) => ended));
  }
}
