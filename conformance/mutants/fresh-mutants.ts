import { setImmediate as turn } from "node:timers/promises";
import {
  type ApplyOptions,
  type CallLimit,
  type Commit,
  type CountQuery,
  type EraseTarget,
  type Outcome,
  type ScanPage,
  type ScanQuery,
  type Slot,
  type StoredRecord,
  slotKey,
  slotOf,
  type Write,
} from "../../src/index.js";
import { bareDriver, brokenDriver, type Mutant, writingInParts } from "./mutant.js";

/** How long an answer is taken for fresh. */
const FRESH_MS = 30;

/** Drivers that are wrong about what has become of something since. */
export const freshMutants: readonly Mutant[] = [
  brokenDriver(
    "counts-from-a-cache",
    "stores/every-read-after-every-write",
    (base) =>
      class extends base {
        readonly #counts = new Map<string, { readonly count: number; readonly at: number }>();

        override async count(query: CountQuery): Promise<number> {
          const key = JSON.stringify(query);
          const kept = this.#counts.get(key);
          if (kept && performance.now() - kept.at < FRESH_MS) return kept.count;
          const count = await super.count(query);
          this.#counts.set(key, { count, at: performance.now() });
          return count;
        }
      },
  ),
  // A write empties its place in the cache, and a read that began before it fills that again.
  brokenDriver(
    "fills-its-cache-with-what-was",
    "concurrency/reads-begun-before",
    (base) =>
      class extends base {
        readonly #cache = new Map<string, StoredRecord | undefined>();

        override async read(slots: readonly Slot[]) {
          const keys = slots.map(slotKey);
          if (keys.every((key) => this.#cache.has(key))) return keys.map((key) => this.#cache.get(key));
          const found = await super.read(slots);
          await turn();
          await turn();
          for (const [index, key] of keys.entries()) this.#cache.set(key, found[index]);
          return found;
        }

        override async apply(commits: readonly Commit[], options: ApplyOptions): Promise<readonly Outcome[]> {
          const outcomes = await super.apply(commits, options);
          if (commits.some(({ writes }) => writes.some(({ op }) => op === "erase"))) this.#cache.clear();
          for (const write of commits.flatMap(({ writes }) => writes))
            this.#cache.delete(slotKey(slotOf(write)));
          return outcomes;
        }
      },
  ),
  // By a clock that begins when the store is opened.
  brokenDriver(
    "counts-time-from-its-opening",
    "window/whichever-store-asks",
    (base) =>
      class extends base {
        readonly #opened = performance.now();

        override apply(commits: readonly Commit[], options: ApplyOptions) {
          return super.apply(commits, { ...options, now: Math.floor(performance.now() - this.#opened) });
        }
      },
  ),
  brokenDriver(
    "erases-what-is-known-of-earlier-events",
    "idempotency/every-order",
    (base) =>
      class extends base {
        protected override erase(target: EraseTarget): number {
          for (const [key, event] of this.space.events)
            if (this.isErased(event.slot, target) && !this.isCurrent(event)) this.space.events.delete(key);
          return super.erase(target);
        }
      },
  ),
  writingInParts("commits-a-session-at-a-time", "stores/all-or-nothing-across-sessions", ({ writes }) => {
    const sessions = new Set(writes.map((write) => slotOf(write).session));
    return [...sessions].map((session) => writes.filter((write) => slotOf(write).session === session));
  }),
  bareDriver(
    "counts-saves-for-its-watches",
    "watch/every-way-to-change",
    (base) =>
      class extends base {
        async changeCounter(): Promise<number> {
          return saved.get(this.space) ?? 0;
        }

        protected override write(write: Write, now: number): void {
          if (write.op === "save") saved.set(this.space, (saved.get(this.space) ?? 0) + 1);
          super.write(write, now);
        }
      },
  ),
  // As a client that sends a query once where the same is asked several times, with the signal of who asked first.
  bareDriver(
    "shares-a-scan-and-its-signal",
    "abort/one-of-equal-calls",
    (base) =>
      class extends base {
        readonly #underWay = new Map<string, Promise<ScanPage>>();

        override async scan(query: ScanQuery, limit?: CallLimit): Promise<ScanPage> {
          const key = JSON.stringify(query);
          const shared = this.#underWay.get(key) ?? this.#slowly(query, limit?.signal);
          this.#underWay.set(key, shared);
          return shared.finally(() => this.#underWay.delete(key));
        }

        async #slowly(query: ScanQuery, signal: AbortSignal | undefined): Promise<ScanPage> {
          for (let turns = 0; turns < 4; turns++) {
            await turn();
            signal?.throwIfAborted();
          }
          return super.scan(query);
        }
      },
  ),
  // As a client that cuts the values of an answer out of what came over the network.
  bareDriver(
    "hands-out-parts-of-its-answer",
    "bytes/memory-of-their-own",
    (base) =>
      class extends base {
        readonly returnsUnsharedBytes = true;

        override async scan(query: ScanQuery): Promise<ScanPage> {
          const { records, more } = await super.scan(query);
          const answer = new Uint8Array(Buffer.concat(records.map(({ bytes }) => bytes)));
          let end = 0;
          const cut = records.map((record) => {
            const from = end;
            end += record.bytes.byteLength;
            return { ...record, bytes: answer.subarray(from, end) };
          });
          return { records: cut, more };
        }

        override async read(slots: readonly Slot[]) {
          return (await super.read(slots)).map(
            (record) => record && { ...record, bytes: record.bytes.slice() },
          );
        }
      },
  ),
];

/** How many saves a space has seen. */
const saved = new WeakMap<object, number>();
