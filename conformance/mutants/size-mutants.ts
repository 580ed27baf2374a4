import { setImmediate as turn } from "node:timers/promises";
import {
  type ApplyOptions,
  type Commit,
  type CountQuery,
  type EraseTarget,
  type Outcome,
  type ScanQuery,
  type SessionsQuery,
  type Slot,
  StateError,
  type StoredRecord,
  slotKey,
  targetOf,
  type Write,
} from "../../src/index.js";
import { brokenDriver, type Mutant, writingInParts } from "./mutant.js";

const PIECE = 65_536;
/** As much as FoundationDB takes in one transaction. */
const TRANSACTION = 10_000_000;

/** Drivers that are wrong about what is large, long or many. */
export const sizeMutants: readonly Mutant[] = [
  writingInParts("commits-ten-megabytes-at-a-time", "large-commit/one-step", ({ writes }) => {
    if (sizeOf(writes) <= TRANSACTION) return [writes];
    const half = Math.ceil(writes.length / 2);
    return [writes.slice(0, half), writes.slice(half)];
  }),
  brokenDriver(
    "erases-ten-megabytes-at-a-time",
    "large-commit/one-step",
    (base) =>
      class extends base {
        override async apply(commits: readonly Commit[], options: ApplyOptions): Promise<readonly Outcome[]> {
          let removed = 0;
          const [erase, other] = commits.flatMap(({ writes }) => writes);
          if (erase?.op === "erase" && other === undefined) {
            removed = this.#eraseBeyond(targetOf(erase));
            for (let turns = 0; turns < 8; turns++) await turn();
          }
          const outcomes = await super.apply(commits, options);
          return outcomes.map((outcome) =>
            outcome.is === "applied" && outcome.erased
              ? { ...outcome, erased: outcome.erased.map((count) => count + removed) }
              : outcome,
          );
        }

        /** Removes what is behind the first so many bytes, in a step of its own. */
        #eraseBeyond(target: EraseTarget): number {
          let [bytes, removed] = [0, 0];
          for (const [key, record] of this.space.records) {
            if (!this.isErased(record, target)) continue;
            bytes += record.bytes.byteLength;
            if (bytes <= TRANSACTION) continue;
            this.space.records.delete(key);
            this.forgetContent(record);
            removed++;
          }
          return removed;
        }
      },
  ),
  // Its first transaction has gone when the last one, which has the checks, fails.
  brokenDriver(
    "checks-in-the-last-of-its-transactions",
    "large-commit/refused-whole",
    (base) =>
      class extends base {
        protected override applyOne(commit: Commit, options: ApplyOptions): Outcome {
          const outcome = super.applyOne(commit, options);
          if (outcome.is !== "condition" || sizeOf(commit.writes) <= TRANSACTION) return outcome;
          for (const write of commit.writes.slice(0, outcome.write >> 1)) this.write(write, options.now);
          return outcome;
        }
      },
  ),
  // As chunks in rows of their own, read until one is short.
  brokenDriver(
    "reads-chunks-until-one-is-short",
    "bytes/shorter-and-longer",
    (base) =>
      class extends base {
        readonly #longest = new Map<string, Uint8Array>();

        override async read(slots: readonly Slot[]) {
          const found = await super.read(slots);
          return found.map((record) => record && this.#withRest(record));
        }

        #withRest(record: StoredRecord): StoredRecord {
          const { bytes } = record;
          const longest = this.#longest.get(slotKey(record)) ?? bytes;
          if (longest.byteLength <= bytes.byteLength) this.#longest.set(slotKey(record), bytes);
          if (bytes.byteLength === 0 || bytes.byteLength % PIECE !== 0) return record;
          return { ...record, bytes: Buffer.concat([bytes, longest.subarray(bytes.byteLength)]) };
        }
      },
  ),
  brokenDriver(
    "keeps-room-for-names-beside-a-payload",
    "limits/largest-payload",
    (base) =>
      class extends base {
        override async apply(commits: readonly Commit[], options: ApplyOptions) {
          const sizes = commits.flatMap(({ writes }) =>
            writes.map((write) => (write.op === "save" ? write.record.bytes.byteLength : 0)),
          );
          if (Math.max(...sizes) <= 16 * 1024 * 1024 - 4096) return super.apply(commits, options);
          throw new StateError("UNAVAILABLE", "a document is too large", { details: { reason: "refused" } });
        }
      },
  ),
  brokenDriver(
    "counts-the-first-megabyte",
    "limits/larger-than-a-page",
    (base) =>
      class extends base {
        override async count(query: CountQuery) {
          const page = await super.scan({ ...query, maxBytes: 1024 * 1024, reverse: false });
          return page.records.length;
        }
      },
  ),
  // As a column of the key that ends before a name may.
  brokenDriver(
    "erases-runs-of-up-to-200-bytes",
    "limits/names-of-every-length",
    (base) =>
      class extends base {
        protected override isErased(record: Slot, target: EraseTarget): boolean {
          return super.isErased(record, target) && Buffer.byteLength(record.run) <= 200;
        }
      },
  ),
  brokenDriver(
    "lists-a-thousand-sessions",
    "list-sessions/a-thousand",
    (base) =>
      class extends base {
        override async scanSessions(query: SessionsQuery) {
          const { sessions } = await super.scanSessions(query);
          return { sessions: sessions.slice(0, 1_000), more: false };
        }
      },
  ),
  // As a search that finds ten thousand documents at most.
  brokenDriver(
    "finds-ten-thousand-at-most",
    "list/more-than-ten-thousand",
    (base) =>
      class extends base {
        override async scan(query: ScanQuery) {
          const page = await super.scan(query);
          return page.records.length <= 10_000
            ? page
            : { records: page.records.slice(0, 10_000), more: false };
        }
      },
  ),
  brokenDriver(
    "remembers-the-last-thousand-ids",
    "idempotency/thousands-of-ids",
    (base) =>
      class extends base {
        protected override forget(atMost: number, options: ApplyOptions): void {
          super.forget(atMost, options);
          const { events } = this.space;
          for (const event of events.values()) {
            if (events.size <= 1_000) return;
            if (!this.isCurrent(event)) events.delete(this.eventKey(event.tenant, event.eventId));
          }
        }
      },
  ),
];

/** The bytes of all payloads. */
function sizeOf(writes: readonly Write[]): number {
  return writes.reduce((sum, write) => sum + (write.op === "save" ? write.record.bytes.byteLength : 0), 0);
}
