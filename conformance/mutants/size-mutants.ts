import {
  type ApplyOptions,
  type Commit,
  type CountQuery,
  type EraseTarget,
  type ScanQuery,
  type SessionsQuery,
  type Slot,
  StateError,
  type StoredRecord,
  slotKey,
} from "../../src/index.js";
import { brokenDriver, type Mutant } from "./mutant.js";

const PIECE = 65_536;

/** Drivers that are wrong about what is large, long or many. */
export const sizeMutants: readonly Mutant[] = [
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
