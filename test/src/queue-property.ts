import fc from "fast-check";
import type { Writer } from "../../src/batch-sender.js";
import { CommitQueue, type QueueOptions } from "../../src/commit-queue.js";
import { slotOf } from "../../src/decide.js";
import type { Commit, Layer, Outcome } from "../../src/driver.js";
import { isStateError } from "../../src/errors.js";
import type { RetryRuntime } from "../../src/layers/index.js";
import { slotKey } from "../../src/slot-key.js";
import { FATES, type Fate, fail, fate, takesEffect } from "./fate.js";
import { applied, idsOf } from "./queue-rig.js";
import { deletes, driverWith, saves } from "./rig.js";

export type Queue = Pick<CommitQueue, "commit" | "erase">;
export type MakeQueue = (driver: Writer, options: QueueOptions) => Queue;

export const realQueue: MakeQueue = (driver, options) => new CommitQueue(driver, options);

/** The queue over a layer that retries, whose pauses end when the scheduler says so. */
export function retriedQueue(layerOf: (runtime: RetryRuntime) => Layer): MakeQueue {
  return (driver, options) => {
    const sleep = () => new Promise<void>((resolve) => options.schedule(resolve));
    const layer = layerOf({ now: () => 0, sleep, random: () => 1 });
    const retried = layer(driverWith({ apply: driver.apply.bind(driver), erase: driver.erase.bind(driver) }));
    return realQueue(retried, options);
  };
}

type Step =
  | { readonly act: "save"; readonly kinds: readonly string[] }
  | { readonly act: "delete"; readonly kind: string }
  | { readonly act: "erase" }
  | { readonly act: "abort"; readonly back: number }
  | { readonly act: "turn" };

const kind = fc.constantFrom("a", "b", "c", "d");
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      act: fc.constant("save" as const),
      kinds: fc.uniqueArray(kind, { minLength: 1, maxLength: 3 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ act: fc.constant("delete" as const), kind }) },
  { weight: 1, arbitrary: fc.constant<Step>({ act: "erase" }) },
  { weight: 2, arbitrary: fc.record({ act: fc.constant("abort" as const), back: fc.nat(4) }) },
  { weight: 4, arbitrary: fc.constant<Step>({ act: "turn" }) },
);

/**
 * Whatever comes in, however the driver fares and in whatever order it answers: every write ends, and ends truly; the
 * writes of a slot take effect in the order in which they were made, each once; nothing is sent twice unless its first
 * try was refused or in doubt, or a layer retries; two batches under way share no slot and no event id; an erase is alone.
 */
export function queueProperty(make: MakeQueue, { retries = false } = {}) {
  const interleaving = [fc.scheduler(), fc.integer({ min: 1, max: 3 })] as const;
  const script = [
    fc.array(step, { minLength: 1, maxLength: 25 }),
    fc.array(fate, { maxLength: 30 }),
  ] as const;
  return fc.asyncProperty(...interleaving, ...script, async (scheduler, inFlight, steps, fates) => {
    const witness = new Witness(scheduler, fates, retries);
    const schedule = (pump: () => void) => void scheduler.schedule(Promise.resolve(), "pump").then(pump);
    const queue = make(witness, { inFlight, window: 1, now: () => 0, schedule });
    const made: { controller: AbortController; work: Work }[] = [];
    const script = async () => {
      for (const [number, next] of steps.entries()) {
        if (next.act === "turn") await scheduler.schedule(Promise.resolve(), "turn");
        else if (next.act === "abort") made.at(-1 - next.back)?.controller.abort(ABORTED);
        else {
          const controller = new AbortController();
          made.push({ controller, work: witness.make(queue, next, number, controller.signal) });
        }
      }
    };
    const finished = script();
    await scheduler.waitIdle();
    await finished;
    witness.complain();
    for (const { work } of made) work.verify();
  });
}

const ABORTED = { aborted: true };

/** A commit or an erase, and all that happened to it. */
class Work {
  readonly commit: Commit | undefined;
  readonly keys: readonly string[];
  sends = 0;
  effects = 0;
  mayBeSent = true;
  ended: { readonly value: unknown } | { readonly error: unknown } | undefined;

  constructor(commit: Commit | undefined) {
    this.commit = commit;
    const slots = commit?.writes.map((write) => slotKey(slotOf(write))) ?? [];
    this.keys = commit ? [...slots, ...idsOf(commit)] : [];
  }

  verify(): void {
    must(this.ended !== undefined, "nothing may be left without an end");
    must(this.effects <= 1, "nothing may take effect twice");
    if ("value" in this.ended) {
      must(this.effects === 1, "what was acknowledged must have happened");
      return;
    }
    const { error } = this.ended;
    if (error === ABORTED) must(this.sends === 0, "what was aborted must never have been sent");
    else if (isStateError(error, "UNAVAILABLE"))
      must(this.effects === 0, "UNAVAILABLE says that nothing was written");
    else must(isStateError(error, "OUTCOME_UNKNOWN") && this.sends > 0, `ended with ${String(error)}`);
  }
}

/** A driver that writes down what it is given, fares as it is told, and answers when the scheduler says so. */
class Witness implements Writer {
  readonly #scheduler: fc.Scheduler;
  readonly #fates: Fate[];
  readonly #mayBeSentAgain: readonly Fate[];
  readonly #works: Work[] = [];
  readonly #live = new Set<Work>();
  /** For each slot, the works that took effect on it, by their place in the order of making. */
  readonly #log = new Map<string, number>();
  #complaint: Error | undefined;

  constructor(scheduler: fc.Scheduler, fates: readonly Fate[], retries: boolean) {
    this.#scheduler = scheduler;
    this.#fates = [...fates];
    this.#mayBeSentAgain = FATES.filter((fate) => fate !== "done" && (retries || fate !== "unreachable"));
  }

  make(
    queue: Queue,
    step: Exclude<Step, { act: "turn" | "abort" }>,
    number: number,
    signal: AbortSignal,
  ): Work {
    const commit =
      step.act === "save"
        ? saves(`${number}`, step.kinds)
        : step.act === "delete"
          ? deletes(step.kind)
          : undefined;
    const work = new Work(commit);
    this.#works.push(work);
    const ending = commit ? queue.commit(commit, signal) : queue.erase("acme", "ann", "s1", signal);
    ending.then(
      (value) => {
        work.ended = { value };
      },
      (error: unknown) => {
        work.ended = { error };
      },
    );
    return work;
  }

  /** The first rule that was broken at the driver; thrown there, it would pass for the driver's own error. */
  complain(): void {
    if (this.#complaint) throw this.#complaint;
  }

  async apply(commits: readonly Commit[]): Promise<readonly Outcome[]> {
    const works = commits.map((commit) => this.#works.find((work) => work.commit === commit) as Work);
    this.#note(() => this.#isInOrder(works));
    for (const work of works) this.#send(work);
    await this.#scheduler.schedule(Promise.resolve(), "apply");
    const fate = this.#fates.shift() ?? "done";
    const outcomes = takesEffect(fate) ? works.map((work) => this.#happen(work)) : [];
    for (const work of works) {
      this.#live.delete(work);
      work.mayBeSent = this.#mayBeSentAgain.includes(fate);
    }
    fail(fate);
    return outcomes;
  }

  async erase(): Promise<number> {
    const work = this.#works.find(({ commit, sends, ended }) => !commit && sends === 0 && !ended) as Work;
    const before = this.#works.slice(0, this.#works.indexOf(work));
    this.#note(() => {
      must(this.#live.size === 0, "an erase must be alone");
      must(
        before.every(({ sends, ended }) => sends > 0 || ended),
        "an erase must wait for all before it",
      );
    });
    this.#send(work);
    await this.#scheduler.schedule(Promise.resolve(), "erase");
    work.effects++;
    this.#live.delete(work);
    return 0;
  }

  #isInOrder(works: readonly Work[]): void {
    const live = new Set([...this.#live].flatMap(({ keys }) => keys));
    for (const work of works) {
      must(work.mayBeSent, "nothing may be sent twice without need");
      must(
        !work.keys.some((key) => live.has(key)),
        "two batches under way may not share a slot or an event id",
      );
      const erases = this.#works.slice(0, this.#works.indexOf(work)).filter(({ commit }) => !commit);
      must(
        erases.every(({ effects, ended }) => effects > 0 || ended),
        "what comes after an erase must wait for it",
      );
    }
    must(
      [...this.#live].every(({ commit }) => commit),
      "an erase must be alone",
    );
  }

  #send(work: Work): void {
    work.sends++;
    work.mayBeSent = false;
    this.#live.add(work);
  }

  #happen(work: Work): Outcome {
    const isReplay = work.effects > 0 && idsOf(work.commit as Commit).length > 0;
    if (isReplay) return { is: "duplicate" };
    work.effects++;
    const place = this.#works.indexOf(work);
    for (const write of work.commit?.writes ?? []) {
      const slot = slotKey(slotOf(write));
      this.#note(() =>
        must(
          (this.#log.get(slot) ?? -1) < place,
          "writes of one slot must take effect in the order of making",
        ),
      );
      this.#log.set(slot, place);
    }
    return applied(work.commit?.writes.length ?? 0);
  }

  #note(check: () => void): void {
    try {
      check();
    } catch (error) {
      this.#complaint ??= error as Error;
    }
  }
}

function must(condition: boolean, rule: string): asserts condition {
  if (!condition) throw new Error(rule);
}
