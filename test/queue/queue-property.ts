import fc from "fast-check";
import type { Commit, Layer, Outcome } from "../../src/contract/driver.js";
import { isStateError } from "../../src/contract/errors.js";
import type { RetryRuntime } from "../../src/layers/index.js";
import type { Writer } from "../../src/queue/batch-sender.js";
import { CommitQueue, type QueueOptions } from "../../src/queue/commit-queue.js";
import { payloadBytes } from "../../src/rules/payload-bytes.js";
import { commitKeys, HeldKeys } from "../../src/rules/slot-key.js";
import { deletes, driverWith, erases, saves } from "../store/store-rig.js";
import { CALL_OUTCOMES, type CallOutcome, callOutcome, fail, takesEffect } from "./call-outcomes.js";
import { appliedTo, idsOf, QUEUE } from "./queue-rig.js";

export type Queue = Pick<CommitQueue, "commit">;
export type MakeQueue = (driver: Writer, options: QueueOptions) => Queue;

export const realQueue: MakeQueue = (driver, options) => new CommitQueue(driver, options);

/** The queue over a retrying layer, whose pauses end when the scheduler says so. */
export function retriedQueue(layerOf: (runtime: RetryRuntime) => Layer): MakeQueue {
  return (driver, options) => {
    const sleep = () => new Promise<void>((resolve) => options.schedule(resolve));
    const layer = layerOf({ now: () => 0, sleep, random: () => 1 });
    const retried = layer(driverWith({ apply: driver.apply.bind(driver) }));
    return realQueue(retried, options);
  };
}

type Step =
  | { readonly act: "save"; readonly tenant: string; readonly kinds: readonly string[] }
  | { readonly act: "delete"; readonly tenant: string; readonly kind: string }
  | { readonly act: "erase"; readonly tenant: string }
  | { readonly act: "abort"; readonly back: number }
  | { readonly act: "turn" };

const kind = fc.constantFrom("a", "b", "c", "d");
const tenant = fc.constantFrom("acme", "globex", "initech");
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      act: fc.constant("save" as const),
      tenant,
      kinds: fc.uniqueArray(kind, { minLength: 1, maxLength: 3 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ act: fc.constant("delete" as const), tenant, kind }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant("erase" as const), tenant }) },
  { weight: 2, arbitrary: fc.record({ act: fc.constant("abort" as const), back: fc.nat(4) }) },
  { weight: 4, arbitrary: fc.constant<Step>({ act: "turn" }) },
);

/**
 * Whatever the calls, the failures of the driver and the order of its answers: every write ends, with the truth. The writes
 * of a slot take effect in the order in which they were made, each once. Nothing is sent twice unless its first attempt was
 * refused or of unknown outcome, or a layer retries. Two batches under way share no slot and no event id, nor does one erase
 * a session that the other writes. No more is admitted than there is room for.
 */
export function queueProperty(make: MakeQueue, { retries = false } = {}) {
  const interleaving = [fc.scheduler(), fc.integer({ min: 1, max: 3 })] as const;
  const script = [
    fc.array(step, { minLength: 1, maxLength: 25 }),
    fc.array(callOutcome, { maxLength: 30 }),
  ] as const;
  return fc.asyncProperty(...interleaving, ...script, async (scheduler, inFlight, steps, callOutcomes) => {
    const driver = new RecordingDriver(scheduler, callOutcomes, retries);
    const schedule = (pump: () => void) => void scheduler.schedule(Promise.resolve(), "pump").then(pump);
    const queue = make(driver, { ...QUEUE, room: ROOM, inFlight, window: 1, now: () => 0, schedule });
    const made: { controller: AbortController; work: Work }[] = [];
    const script = async () => {
      for (const [number, next] of steps.entries()) {
        if (next.act === "turn") await scheduler.schedule(Promise.resolve(), "turn");
        else if (next.act === "abort") made.at(-1 - next.back)?.controller.abort(ABORTED);
        else {
          const controller = new AbortController();
          made.push({ controller, work: driver.make(queue, next, number, controller.signal) });
        }
      }
    };
    const finished = script();
    await scheduler.waitIdle();
    await finished;
    driver.throwViolation();
    for (const { work } of made) work.verify();
  });
}

/** Less than the commits of a script need. */
const ROOM = { commits: 5, bytes: 8 };

const ABORTED = { aborted: true };

/** A commit and its history. */
class Work {
  readonly commit: Commit;
  readonly bytes: number;
  sends = 0;
  effects = 0;
  mayBeSent = true;
  /** Its payloads were copied. */
  isAdmitted = false;
  ended: { readonly value: unknown } | { readonly error: unknown } | undefined;

  readonly #signal: AbortSignal;

  constructor(commit: Commit, signal: AbortSignal) {
    this.commit = commit;
    this.#signal = signal;
    this.bytes = payloadBytes(commit);
  }

  get isWaitingInQueue(): boolean {
    return this.isAdmitted && this.sends === 0 && !this.ended && !this.#signal.aborted;
  }

  get isErase(): boolean {
    return this.commit.writes.some(({ op }) => op === "erase");
  }

  verify(): void {
    must(this.ended !== undefined, "no commit may be left without an end");
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

/** A driver that records its calls, fails as the script says, and answers when the scheduler says so. */
class RecordingDriver implements Writer {
  readonly #scheduler: fc.Scheduler;
  readonly #callOutcomes: CallOutcome[];
  readonly #mayBeSentAgain: readonly CallOutcome[];
  readonly #works: Work[] = [];
  readonly #underWay = new Set<Work>();
  /** Per slot, the number of the last commit that was applied to it; per session, that of its last erase. */
  readonly #log = new Map<string, number>();
  #violation: Error | undefined;

  constructor(scheduler: fc.Scheduler, callOutcomes: readonly CallOutcome[], retries: boolean) {
    this.#scheduler = scheduler;
    this.#callOutcomes = [...callOutcomes];
    this.#mayBeSentAgain = CALL_OUTCOMES.filter(
      (callOutcome) => callOutcome !== "done" && (retries || callOutcome !== "unreachable"),
    );
  }

  make(
    queue: Queue,
    step: Exclude<Step, { act: "turn" | "abort" }>,
    number: number,
    signal: AbortSignal,
  ): Work {
    const commit = commitOf(step, number);
    const work = new Work(commit, signal);
    this.#works.push(work);
    const payloads = { seal() {}, copy: () => this.#admit(work) };
    queue.commit(commit, signal, payloads).then(
      (value) => {
        work.ended = { value };
      },
      (error: unknown) => {
        work.ended = { error };
      },
    );
    return work;
  }

  /** Throws the first rule that was broken at the driver; thrown there, it would pass for the driver's own error. */
  throwViolation(): void {
    if (this.#violation) throw this.#violation;
  }

  async apply(commits: readonly Commit[]): Promise<readonly Outcome[]> {
    const works = commits.map((commit) => this.#works.find((work) => work.commit === commit) as Work);
    this.#check(() => this.#mayBeSent(works));
    for (const work of works) this.#send(work);
    await this.#scheduler.schedule(Promise.resolve(), "apply");
    const callOutcome = this.#callOutcomes.shift() ?? "done";
    const outcomes = takesEffect(callOutcome) ? works.map((work) => this.#takeEffect(work)) : [];
    for (const work of works) {
      this.#underWay.delete(work);
      work.mayBeSent = this.#mayBeSentAgain.includes(callOutcome);
    }
    fail(callOutcome);
    return outcomes;
  }

  #admit(work: Work): undefined {
    work.isAdmitted = true;
    // Commits under way are not counted: a settled one is seen here only a little later.
    const held = this.#works.filter((each) => each.isWaitingInQueue);
    this.#check(() => {
      must(held.length <= ROOM.commits, "no more may be let in than there is room for");
      const bytes = held.reduce((sum, each) => sum + each.bytes, 0);
      must(bytes <= ROOM.bytes, "no more bytes may be let in than there is room for");
    });
  }

  #mayBeSent(works: readonly Work[]): void {
    const keysUnderWay = new HeldKeys();
    for (const work of this.#underWay) keysUnderWay.add(commitKeys(work.commit));
    for (const work of works) {
      must(work.isAdmitted, "what is sent must have been let in");
      must(work.mayBeSent, "nothing may be sent twice without need");
      must(
        !keysUnderWay.conflictsWith(commitKeys(work.commit)),
        "two batches under way may not share a slot or an event id, or erase what the other writes",
      );
    }
  }

  #send(work: Work): void {
    work.sends++;
    work.mayBeSent = false;
    this.#underWay.add(work);
  }

  #takeEffect(work: Work): Outcome {
    if (work.effects > 0 && hasSave(work)) return { is: "duplicate" };
    work.effects++;
    const number = this.#works.indexOf(work);
    const { exclusive, shared } = commitKeys(work.commit);
    // An erase takes effect after every earlier write of its session, and a write after every earlier erase.
    const before = [...exclusive, ...(work.isErase ? exclusive.map(written) : shared)];
    this.#check(() =>
      must(
        before.every((key) => (this.#log.get(key) ?? -1) < number),
        "commits that share keys must take effect in the order of making",
      ),
    );
    for (const key of [...exclusive, ...shared.map(written)])
      this.#log.set(key, Math.max(number, this.#log.get(key) ?? -1));
    return appliedTo(work.commit);
  }

  #check(check: () => void): void {
    try {
      check();
    } catch (error) {
      this.#violation ??= error as Error;
    }
  }
}

function hasSave({ commit }: Work): boolean {
  return idsOf(commit).length > 0;
}

function commitOf(step: Exclude<Step, { act: "turn" | "abort" }>, number: number): Commit {
  if (step.act === "save") return saves(`${number}`, step.kinds, 1, step.tenant);
  if (step.act === "delete") return deletes(step.kind, step.tenant);
  return erases(step.tenant);
}

/** The key of the last write of a session that did not erase it. */
function written(session: string): string {
  return `${session}written`;
}

function must(condition: boolean, rule: string): asserts condition {
  if (!condition) throw new Error(rule);
}
