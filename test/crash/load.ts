import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { type Change, isStateError, type StateStore } from "../../src/index.js";
import { ownTime } from "../own-time.js";
import type { RandomChoices } from "../random.js";

/** What many callers do at once, and what must be true of it in the end. */
export interface Work {
  /** Before anything goes wrong. */
  prepare?(store: StateStore): Promise<void>;
  /** What one caller does, over and over. Sole writers of something use its `number` in their keys. */
  step(caller: Caller): Promise<void>;
  /** Looks at what is stored, once nobody writes any more. */
  look(store: StateStore, findings: Findings): Promise<void>;
}

/** Promises that were broken, each with the event or the slot that shows it. */
export interface Findings {
  /** Acknowledged, and not there. */
  readonly lost: string[];
  /** Made once, and there twice. */
  readonly twice: string[];
  /** One half of what happens together or not at all. */
  readonly torn: string[];
  /** Said not to have been written, and there. */
  readonly untrue: string[];
}

export function nothing(): Findings {
  return { lost: [], twice: [], torn: [], untrue: [] };
}

export interface LoadOptions {
  /** Of how many callers; they share the stores and the works evenly. Default 64. */
  readonly callers?: number;
  readonly random: RandomChoices;
}

/** A write that was acknowledged. */
export interface Acknowledged {
  readonly changes: readonly Change[];
  readonly duplicate: boolean;
}

/** How long a caller goes on asking when it shall stop. */
const PATIENCE_MS = 60_000;
/** How many steps of each work make progress. */
const PROGRESS = 20;
const RETRIES_AT_ONCE = 1000;
/** The longest that a caller waits before it asks again. */
const PAUSE_MS = 20;

/** Many callers of stores, who keep account of all that they are told. */
export class Load {
  readonly findings = nothing();
  readonly acknowledged: Acknowledged[] = [];
  /** How many calls ended with each code; UNAVAILABLE with its reason. */
  readonly failures = new Map<string, number>();
  longestMs = 0;
  /** The same, without the time in which others had the machine. */
  longestOwnMs = 0;
  readonly #works: readonly Work[];
  readonly #steps: number[];
  readonly #callers: Promise<void>[] = [];
  #stopAt = Number.POSITIVE_INFINITY;
  #failure: unknown;

  /** Sets the callers to work. */
  static async start(
    stores: readonly StateStore[],
    works: readonly Work[],
    { callers = 64, random }: LoadOptions,
  ): Promise<Load> {
    for (const work of works) await work.prepare?.(stores[0] as StateStore);
    const load = new Load(works);
    for (let number = 0; number < callers; number++) {
      const store = stores[Math.floor(number / works.length) % stores.length] as StateStore;
      load.#callers.push(
        load.#run(new Caller(number, store, random.of(number), load), number % works.length),
      );
    }
    return load;
  }

  private constructor(works: readonly Work[]) {
    this.#works = works;
    this.#steps = works.map(() => 0);
  }

  /** Waits for something to come of it, or for a caller to fail. */
  async until(isSo: () => boolean, timeout = PATIENCE_MS): Promise<void> {
    const isOver = () => this.#failure !== undefined || isSo();
    await expect.poll(isOver, { timeout, interval: 10 }).toBe(true);
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** The work goes on, all of it. */
  progress(): Promise<void> {
    const goals = this.#steps.map((steps) => steps + PROGRESS);
    return this.until(() => goals.every((goal, n) => (this.#steps[n] ?? 0) >= goal));
  }

  /** Everybody finishes what they are at, and so knows what became of it. */
  async stop(): Promise<void> {
    this.#stopAt = performance.now();
    await Promise.all(this.#callers);
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Sends all that was acknowledged once more, which must be known and bring nothing back; then looks at everything. */
  async audit(store: StateStore): Promise<Findings> {
    for (let from = 0; from < this.acknowledged.length; from += RETRIES_AT_ONCE) {
      const some = this.acknowledged.slice(from, from + RETRIES_AT_ONCE);
      await Promise.all(some.map(({ changes }) => this.#retry(store, changes)));
    }
    for (const work of this.#works) await work.look(store, this.findings);
    return this.findings;
  }

  /** For callers: one call, timed, and counted if it fails. */
  async call<T>(ask: () => Promise<T>): Promise<T> {
    const [start, startOwn] = [performance.now(), ownTime()];
    try {
      return await ask();
    } catch (error) {
      const what = isStateError(error, "UNAVAILABLE") ? error.details.reason : codeOf(error);
      this.failures.set(what, (this.failures.get(what) ?? 0) + 1);
      throw error;
    } finally {
      this.longestMs = Math.max(this.longestMs, performance.now() - start);
      this.longestOwnMs = Math.max(this.longestOwnMs, ownTime() - startOwn);
    }
  }

  /** For callers: whether it is worth to ask once more. */
  get isOver(): boolean {
    return performance.now() > this.#stopAt + PATIENCE_MS;
  }

  async #run(caller: Caller, work: number): Promise<void> {
    try {
      while (this.#stopAt === Number.POSITIVE_INFINITY) {
        await this.#works[work]?.step(caller);
        this.#steps[work] = (this.#steps[work] ?? 0) + 1;
      }
    } catch (error) {
      this.#failure ??= error;
      this.#stopAt = Math.min(this.#stopAt, performance.now());
    }
  }

  async #retry(store: StateStore, changes: readonly Change[]): Promise<void> {
    try {
      const { duplicate, receipts } = await store.commit(changes);
      if (!duplicate) this.findings.lost.push(...receipts.map((receipt) => receipt.eventId));
    } catch (error) {
      if (!isStateError(error) || !/^(CONDITION_FAILED|IDEMPOTENCY_CONFLICT)$/.test(error.code)) throw error;
      this.findings.lost.push(`${error.code} in place of a duplicate`);
    }
  }
}

/** One of many, who makes one call after another. */
export class Caller {
  readonly number: number;
  readonly store: StateStore;
  readonly random: RandomChoices;
  readonly #load: Load;

  constructor(number: number, store: StateStore, random: RandomChoices, load: Load) {
    this.number = number;
    this.store = store;
    this.random = random;
    this.#load = load;
  }

  get findings(): Findings {
    return this.#load.findings;
  }

  readonly call = <T>(ask: () => Promise<T>): Promise<T> => this.#load.call(ask);

  /** Asks until there is an answer: what may be sent again is sent again as it is, its event ids too. */
  readonly insist = async <T>(ask: () => Promise<T>): Promise<T> => {
    for (;;) {
      try {
        return await this.call(ask);
      } catch (error) {
        if (!isStateError(error) || !error.retryable || this.#load.isOver) throw error;
        await sleep(this.random.below(PAUSE_MS));
      }
    }
  };

  /** Commits, and leaves it at that. */
  readonly commitOnce = async (changes: readonly Change[]): Promise<void> => {
    const duplicate = await this.call(() => send(this.store, changes));
    this.#load.acknowledged.push({ changes, duplicate });
  };

  /** Commits, until it is known what became of it: whether its conditions held. */
  readonly commit = async (changes: readonly Change[]): Promise<boolean> => {
    try {
      const duplicate = await this.insist(() => send(this.store, changes));
      this.#load.acknowledged.push({ changes, duplicate });
      return true;
    } catch (error) {
      if (isStateError(error, "CONDITION_FAILED")) return false;
      throw error;
    }
  };
}

/** As a caller would write it; whether it was a duplicate. */
async function send(store: StateStore, changes: readonly Change[]): Promise<boolean> {
  const [first] = changes;
  if (changes.length > 1 || first?.op !== "save") return (await store.commit(changes)).duplicate;
  const { record, expect: condition } = first;
  const options = condition === undefined ? {} : { expect: condition };
  return (await store.save(record, options)).duplicate;
}

function codeOf(error: unknown): string {
  return isStateError(error) ? error.code : String(error);
}
