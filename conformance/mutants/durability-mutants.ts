import type { ApplyOptions, Commit, Outcome, Slot, StoredRecord, Write } from "../../src/index.js";
import type { ReferenceSpace } from "../reference-driver.js";
import { brokenDriver, type Mutant } from "./mutant.js";

const closed = new WeakSet<ReferenceSpace>();

/** Drivers that are wrong about what outlives a store, and about the other stores of its space. */
export const durabilityMutants: readonly Mutant[] = [
  brokenDriver(
    "loses-records-when-reopened",
    "durability/records",
    (base) =>
      class extends base {
        override async close(): Promise<void> {
          this.space.records.clear();
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
          return slots.map((slot, index) => this.#cache.get(this.slotKey(slot)) ?? found[index]);
        }

        protected override write(write: Write, now: number): void {
          super.write(write, now);
          if (write.op === "save") this.#cache.set(this.slotKey(write.record), write.record);
          if (write.op === "delete") this.#cache.delete(this.slotKey(write.slot));
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
