import { cpSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Random, seeded } from "../../conformance/inputs/seeded.js";
import type { StateStore } from "../../src/contract/store.js";
import { judge, positions } from "./sqlite-judge.js";
import { makeScript, type Script, TENANT } from "./sqlite-scripts.js";
import { Answers, shareOf, Writer, type WriterTask } from "./sqlite-writer.js";

export interface KillOptions {
  readonly seed: number;
  readonly thread: "worker" | "inline";
  readonly acknowledges?: "early";
}

/** `opening`: killed about when the database is opened. `pair`: one of two that write at once is killed. */
export type Round = "opening" | "one" | "pair";

const LANES = 6;
/** More than are taken before the last kill. */
const STEPS = 2_000;
const STEPS_PER_ROUND = 120;
/** Each ends with the store being closed and opened again. */
const LEGS = 12;
const COUNTER = { identity: { tenant: TENANT, user: "everybody", session: "s" }, kind: "count" };

/** Processes that write one database, each killed at a random moment; what they leave is judged, and the next goes on. */
export class Kills {
  /** What was wrong, and in which round. */
  readonly wrong: string[] = [];
  kills = 0;
  /** Writes that were answered. */
  answered = 0;
  readonly #options: KillOptions;
  readonly #random: Random;
  readonly #lanes: readonly Script[];
  readonly #root = mkdtempSync(join(tmpdir(), "groundstate-kills-"));
  readonly #steps = new Map<string, number>();
  #round = 0;
  #counted = 0;

  constructor(options: KillOptions) {
    this.#options = options;
    this.#random = seeded(options.seed);
    this.#lanes = Array.from({ length: LANES }, (_, number) =>
      makeScript(`lane${number}`, options.seed * 100 + number, { steps: STEPS, largest: 8_000 }),
    );
    mkdirSync(join(this.#root, "folder"));
  }

  get path(): string {
    return join(this.#root, "folder", "state.db");
  }

  async round(round: Round): Promise<void> {
    this.#round++;
    const answers = new Answers();
    const writers = this.#start(round === "pair" ? 2 : 1, answers);
    const [doomed, survivor] = writers as [Writer, Writer?];
    await Promise.all(writers.map(({ begun }) => begun));
    if (round === "opening") await sleep(this.#random(60));
    else await doomed.hasSaid(1 + this.#random(120));
    await sleep(this.#random(4));
    doomed.kill();
    await survivor?.hasSaid(20);
    survivor?.stop();
    const ended = await Promise.all(writers.map((writer) => writer.ended));
    if (ended[0] === "SIGKILL") this.kills++;
    if (survivor && (ended[1] !== 0 || !answers.isDone))
      this.#blame([`the other process ended with ${ended[1]}`]);
    this.#blame([...answers.errors, ...answers.wrong]);
    await this.#judge(answers);
  }

  /** Removes the database, unless something is wrong with it that should not be. */
  close(): void {
    if (this.wrong.length === 0 || this.#options.acknowledges === "early")
      rmSync(this.#root, { recursive: true, force: true });
  }

  #start(count: number, answers: Answers): readonly Writer[] {
    return Array.from({ length: count }, (_, who) => {
      const { thread, acknowledges } = this.#options;
      const scripts = this.#lanes.filter((_, number) => number % count === who);
      const task: WriterTask = {
        config: { path: this.path, thread, busyTimeoutMs: 60_000 },
        scripts: scripts.map((script) => shareOf(script, this.#steps.get(script.name), STEPS_PER_ROUND)),
        legs: LEGS,
        stays: true,
        count: { ...COUNTER, name: `count.${this.#round}.${who}` },
        ...(acknowledges ? { acknowledges } : {}),
      };
      return new Writer(task, answers);
    });
  }

  async #judge(answers: Answers): Promise<void> {
    this.answered += answers.total;
    for (const [name, steps] of answers.acknowledged) this.#steps.set(name, steps);
    const kept = join(this.#root, `left by round ${this.#round}`);
    cpSync(join(this.#root, "folder"), kept, { recursive: true });
    const counted = (store: StateStore) => this.#judgeCount(store, this.#counted + answers.counted);
    const wrong = await judge(this.path, positions(this.#lanes, this.#steps), counted);
    if (wrong.length === 0) rmSync(kept, { recursive: true });
    this.#blame(wrong.length > 0 ? [...wrong, `see ${kept}`] : []);
    for (const { name } of this.#lanes) this.#steps.set(name, (this.#steps.get(name) ?? 0) + 1);
  }

  /** Of what was not answered the last may have happened, of the one process that was killed. */
  async #judgeCount(store: StateStore, counted: number): Promise<readonly string[]> {
    const version = (await store.find(COUNTER.identity, COUNTER.kind))?.version ?? 0;
    this.#counted = version;
    return version === counted || version === counted + 1
      ? []
      : [`the count is ${version}, and it was answered ${counted} times`];
  }

  #blame(wrong: readonly string[]): void {
    const { seed } = this.#options;
    this.wrong.push(...wrong.map((what) => `round ${this.#round} of GROUNDSTATE_REPLAY=${seed}: ${what}`));
  }
}
