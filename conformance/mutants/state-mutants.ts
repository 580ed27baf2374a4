import { setImmediate as turn } from "node:timers/promises";
import {
  type ApplyOptions,
  type CallLimit,
  type Commit,
  type Outcome,
  type ScanPage,
  type ScanQuery,
  type Slot,
  type StoredRecord,
  slotOf,
  type Write,
} from "../../src/index.js";
import { addressing, bareDriver, brokenDriver, type Mutant } from "./mutant.js";

/** Drivers that are wrong in one state of a slot, or in one way to come to it. */
export const stateMutants: readonly Mutant[] = [
  // By a number of each record, which begins anew with the next one in its slot.
  brokenDriver(
    "expects-numbers-that-begin-anew",
    "conditions/events-of-earlier-times",
    (base) =>
      class extends base {
        readonly #numbers = new Map<string, number>();
        readonly #numbered = new Map<string, number>();

        protected override judge(commit: Commit, options: ApplyOptions) {
          const writes = commit.writes.map((write): Write => {
            if (write.op === "erase" || typeof write.expect !== "string") return write;
            const slot = this.slotKey(slotOf(write));
            const current = this.space.records.get(slot)?.eventId;
            const isSame = this.#numbered.get(`${slot} ${write.expect}`) === this.#numbers.get(slot);
            return isSame && current !== undefined ? { ...write, expect: current } : write;
          });
          return super.judge({ ...commit, writes }, options);
        }

        protected override write(write: Write, now: number): void {
          const slot = this.slotKey(slotOf(write));
          const before = this.space.records.has(slot) ? (this.#numbers.get(slot) ?? 0) : 0;
          super.write(write, now);
          if (write.op !== "save") return;
          this.#numbers.set(slot, before + 1);
          this.#numbered.set(`${slot} ${write.record.eventId}`, before + 1);
        }
      },
  ),
  // As a tree of versions, of which a delete takes the newest.
  brokenDriver(
    "deletes-the-newest-version",
    "delete/every-way-after-overwrites",
    (base) =>
      class extends base {
        readonly #older = new Map<string, StoredRecord>();

        protected override write(write: Write, now: number): void {
          const slot = this.slotKey(slotOf(write));
          const before = this.space.records.get(slot);
          super.write(write, now);
          if (write.op === "save" && before) this.#older.set(slot, before);
          const older = this.#older.get(slot);
          if (write.op !== "delete" || !older) return;
          this.space.records.set(slot, older);
          this.#older.delete(slot);
        }
      },
  ),
  brokenDriver(
    "takes-a-condition-that-holds-for-a-new-write",
    "idempotency/whatever-is-expected",
    (base) =>
      class extends base {
        protected override judge(commit: Commit, options: ApplyOptions) {
          const [write] = commit.writes;
          const isLone =
            commit.writes.length === 1 && write?.op === "save" && typeof write.expect === "string";
          if (isLone && this.space.records.get(this.slotKey(write.record))?.eventId === write.expect)
            return { is: "applied", existed: [true] } as const;
          return super.judge(commit, options);
        }
      },
  ),
  brokenDriver(
    "stamps-what-it-commits-together",
    "commit/whole-records",
    (base) =>
      class extends base {
        override async apply(commits: readonly Commit[], options: ApplyOptions): Promise<readonly Outcome[]> {
          const stamped = commits.map((commit): Commit => {
            if (commit.writes.length < 3) return commit;
            const writes = commit.writes.map(
              (write): Write =>
                write.op === "save"
                  ? { ...write, record: { ...write.record, updatedAt: options.now } }
                  : write,
            );
            return { ...commit, writes };
          });
          return super.apply(stamped, options);
        }
      },
  ),
  // As a connection on which the answer to a request that was given up is read as that to the next.
  bareDriver(
    "leaves-an-answer-on-its-connection",
    "abort/next-call",
    (base) =>
      class extends base {
        #left: ScanPage | undefined;

        override async scan(query: ScanQuery, limit?: CallLimit): Promise<ScanPage> {
          const left = this.#left;
          this.#left = undefined;
          const page = await super.scan(query);
          for (let turns = 0; turns < 3; turns++) {
            await turn();
            if (!limit?.signal?.aborted) continue;
            this.#left = page;
            throw limit.signal.reason;
          }
          return left ?? page;
        }
      },
  ),
  // By a digest of a commit's event ids, in their order.
  brokenDriver(
    "knows-a-replay-by-its-order",
    "commit/replay-in-any-order",
    (base) =>
      class extends base {
        readonly #orders = new Map<string, readonly string[]>();

        protected override judge(commit: Commit, options: ApplyOptions) {
          const ids = commit.writes.flatMap((write) => (write.op === "save" ? [write.record.eventId] : []));
          const outcome = super.judge(commit, options);
          const before = this.#orders.get([...ids].sort().join());
          if (outcome.is === "applied") this.#orders.set([...ids].sort().join(), ids);
          if (outcome.is !== "duplicate" || before?.join() === ids.join() || ids.length === 1) return outcome;
          return { is: "conflict", write: commit.writes.findIndex(({ op }) => op === "save") } as const;
        }
      },
  ),
  addressing("calls-no-run-default", "identity/no-run-has-no-name", (slot) => ({
    ...slot,
    run: slot.run === "" ? "default" : slot.run,
  })),
  // As a request for several keys that takes 25 of them.
  bareDriver(
    "reads-the-events-of-25-slots",
    "watch/each-of-many-slots",
    (base) =>
      class extends base {
        async readEventIds(slots: readonly Slot[]): Promise<readonly (string | undefined)[]> {
          const found = await super.read(slots.slice(0, 25));
          return slots.map((_, index) => found[index]?.eventId);
        }
      },
  ),
];
