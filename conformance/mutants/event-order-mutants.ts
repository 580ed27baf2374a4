import { type ApplyOptions, type EraseTarget, isSeen } from "../../src/index.js";
import { brokenDriver, type Mutant } from "./mutant.js";

/** Drivers that are right about each thing that may become of an event id, and wrong about several of them in an order. */
export const eventOrderMutants: readonly Mutant[] = [
  // As a table of events from which an erase clears the content of all that were ever saved there.
  brokenDriver(
    "forgets-the-content-of-what-was-overwritten-before-an-erase",
    "idempotency/every-order",
    (base) =>
      class extends base {
        protected override erase(target: EraseTarget): number {
          const erased = super.erase(target);
          for (const [key, event] of this.space.events)
            if (this.isErased(event.slot, target))
              this.space.events.set(key, { ...event, fingerprint: null });
          return erased;
        }
      },
  ),
  // As a memory of ids that writes down the last one of each slot when it ends, and of the others that they were there.
  brokenDriver(
    "writes-down-the-last-event-of-an-empty-slot",
    "durability/event-ids-in-every-order",
    (base) =>
      class extends base {
        override async close(): Promise<void> {
          const last = new Map([...this.space.events].map(([key, { slot }]) => [this.slotKey(slot), key]));
          for (const [key, event] of this.space.events) {
            const slot = this.slotKey(event.slot);
            if (!this.space.records.has(slot) && last.get(slot) !== key)
              this.space.events.set(key, { ...event, fingerprint: null });
          }
        }
      },
  ),
  // As a cleaner that stamps an id anew where its record keeps it from going.
  brokenDriver(
    "begins-the-window-anew-for-what-is-current-when-it-ends",
    "window/every-order",
    (base) =>
      class extends base {
        protected override forget(atMost: number, options: ApplyOptions): void {
          const { now, window } = options;
          for (const [key, event] of [...this.space.events].slice(0, atMost)) {
            if (isSeen({ ...event, current: false }, now, window)) return;
            if (this.isCurrent(event)) this.remember({ ...event, savedAt: now });
            else this.space.events.delete(key);
          }
        }
      },
  ),
];
