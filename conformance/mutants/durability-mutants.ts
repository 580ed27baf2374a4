import { performance } from "node:perf_hooks";
import type {
  ApplyOptions,
  Commit,
  EraseTarget,
  Outcome,
  Slot,
  StoredRecord,
  Write,
} from "../../src/index.js";
import { ReferenceDriver, ReferenceSpace } from "../harness/reference-driver.js";
import { brokenDriver, type Mutant } from "./mutant.js";

const MOMENT_MS = 10_000;
const closed = new WeakSet<ReferenceSpace>();

/** Drivers that are wrong about what outlives a store, and about the other stores of its space. */
export const durabilityMutants: readonly Mutant[] = [
  brokenDriver(
    "loses-empty-records-when-reopened",
    "durability/records",
    (base) =>
      class extends base {
        override async close(): Promise<void> {
          for (const [key, { bytes }] of this.space.records)
            if (bytes.byteLength === 0) this.space.records.delete(key);
        }
      },
  ),
  brokenDriver(
    "loses-events-when-reopened",
    "durability/event-ids",
    (base) =>
      class extends base {
        override async close(): Promise<void> {
          this.space.events.clear();
        }
      },
  ),
  brokenDriver(
    "reads-from-a-cache",
    "durability/stores-agree",
    (base) =>
      class extends base {
        readonly #cache = new Map<string, StoredRecord>();

        override async read(slots: readonly Slot[]): Promise<readonly (StoredRecord | undefined)[]> {
          const found = await super.read(slots);
          return slots.map((slot, index) => {
            const cached = this.#cache.get(this.slotKey(slot));
            return cached && cached.eventId !== found[index]?.eventId ? cached : found[index];
          });
        }

        protected override write(write: Write, now: number): void {
          super.write(write, now);
          if (write.op === "save") this.#cache.set(this.slotKey(write.record), write.record);
          if (write.op === "delete") this.#cache.delete(this.slotKey(write.slot));
        }

        protected override erase(target: EraseTarget): number {
          this.#cache.clear();
          return super.erase(target);
        }
      },
  ),
  looking("lists-what-its-last-find-saw", (driver, seen) => {
    const scan = driver.scan.bind(driver);
    driver.scan = (query) => (query.identity ? seen() : { scan }).scan(query);
  }),
  looking("scans-what-its-last-find-saw", (driver, seen) => {
    const scan = driver.scan.bind(driver);
    driver.scan = (query) => (query.identity ? { scan } : seen()).scan(query);
  }),
  looking("finds-events-that-its-last-find-saw", (driver, seen) => {
    driver.readByEventId = (session, eventId) => seen().readByEventId(session, eventId);
  }),
  brokenDriver(
    "finds-what-it-saw-a-moment-ago",
    "durability/stores-agree-on-reads",
    (base) =>
      class extends base {
        #seen: ReferenceDriver | undefined;
        #seenAt = 0;

        override read(slots: readonly Slot[]): Promise<readonly (StoredRecord | undefined)[]> {
          if (this.#seen && performance.now() - this.#seenAt < MOMENT_MS) return this.#seen.read(slots);
          this.#seen = copyOf(this.space);
          this.#seenAt = performance.now();
          return super.read(slots);
        }
      },
  ),
  brokenDriver(
    "drops-its-last-batch-at-close",
    "close/writes-are-kept",
    (base) =>
      class extends base {
        #last: readonly Commit[] = [];

        override apply(commits: readonly Commit[], options: ApplyOptions): Promise<readonly Outcome[]> {
          this.#last = commits;
          return super.apply(commits, options);
        }

        override async close(): Promise<void> {
          if (this.#last.length < 20) return;
          for (const write of this.#last.flatMap(({ writes }) => writes))
            if (write.op === "save") this.space.records.delete(this.slotKey(write.record));
        }
      },
  ),
  brokenDriver(
    "closes-its-space",
    "close/only-itself",
    (base) =>
      class extends base {
        constructor(space: ReferenceSpace) {
          super(space);
          closed.delete(space);
        }

        override async read(slots: readonly Slot[]): Promise<readonly (StoredRecord | undefined)[]> {
          return closed.has(this.space) ? slots.map(() => undefined) : super.read(slots);
        }

        override async close(): Promise<void> {
          closed.add(this.space);
        }
      },
  ),
];

/** Looks at what other stores wrote when it is opened, and at every find and write; `change` says who sees no more. */
function looking(id: string, change: (driver: ReferenceDriver, seen: () => ReferenceDriver) => void): Mutant {
  return brokenDriver(
    id,
    "durability/stores-agree-on-reads",
    (base) =>
      class extends base {
        #seen: ReferenceDriver;

        constructor(space: ReferenceSpace) {
          super(space);
          this.#seen = copyOf(space);
          change(this, () => this.#seen);
        }

        override async apply(commits: readonly Commit[], options: ApplyOptions): Promise<readonly Outcome[]> {
          const outcomes = await super.apply(commits, options);
          this.#seen = copyOf(this.space);
          return outcomes;
        }

        override read(slots: readonly Slot[]): Promise<readonly (StoredRecord | undefined)[]> {
          this.#seen = copyOf(this.space);
          return super.read(slots);
        }
      },
  );
}

function copyOf(space: ReferenceSpace): ReferenceDriver {
  const copy = new ReferenceSpace();
  for (const [key, record] of space.records) copy.records.set(key, record);
  for (const [key, event] of space.events) copy.events.set(key, event);
  return new ReferenceDriver(copy);
}
