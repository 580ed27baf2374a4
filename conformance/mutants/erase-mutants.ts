import { type EraseTarget, type Slot, slotOf, type Write } from "../../src/index.js";
import { like } from "./like.js";
import { brokenDriver, type Mutant } from "./mutant.js";

/** Drivers that are wrong about what they erase. */
export const eraseMutants: readonly Mutant[] = [
  brokenDriver(
    "erases-by-prefix",
    "erase/leaves-neighbours",
    (base) =>
      class extends base {
        protected override isErased(record: Slot, target: EraseTarget): boolean {
          if ("prefix" in target) return super.isErased(record, target);
          const { tenant, user, session } = target;
          return record.tenant === tenant && record.user === user && record.session.startsWith(session);
        }
      },
  ),
  brokenDriver(
    "erases-like-sql",
    "isolation/erase",
    (base) =>
      class extends base {
        protected override isErased(record: Slot, target: EraseTarget): boolean {
          if ("prefix" in target) return super.isErased(record, target);
          const { tenant, user, session } = target;
          return record.tenant === tenant && record.user === user && like(record.session, session);
        }
      },
  ),
  brokenDriver(
    "erases-without-runs",
    "erase/whole-session",
    (base) =>
      class extends base {
        protected override isErased(record: Slot, target: EraseTarget): boolean {
          return super.isErased(record, target) && (record as Slot).run === "";
        }
      },
  ),
  brokenDriver(
    "erases-a-thousand",
    "erase/many",
    (base) =>
      class extends base {
        #left = 0;

        protected override erase(target: EraseTarget): number {
          this.#left = 1000;
          return super.erase(target);
        }

        protected override isErased(record: Slot, target: EraseTarget): boolean {
          return super.isErased(record, target) && this.#left-- > 0;
        }
      },
  ),
  brokenDriver(
    "counts-every-event-erased",
    "erase/counts-what-is-there",
    (base) =>
      class extends base {
        protected override erase(target: EraseTarget): number {
          super.erase(target);
          const events = [...this.space.events.values()];
          return events.filter(({ slot }) => this.isErased(slot, target)).length;
        }
      },
  ),
  brokenDriver(
    "erases-a-users-sessions",
    "erase/users-own",
    (base) =>
      class extends base {
        protected override isErased(record: Slot, target: EraseTarget): boolean {
          return super.isErased(target.session === "~" ? { ...record, session: "~" } : record, target);
        }
      },
  ),
  brokenDriver(
    "bars-erased-sessions",
    "erase/bars-nothing",
    (base) =>
      class extends base {
        readonly #barred = new Set<string>();

        protected override erase({ tenant, user, session }: EraseTarget): number {
          this.#barred.add(JSON.stringify([tenant, user, session]));
          return super.erase({ tenant, user, session });
        }

        protected override write(write: Write, now: number): void {
          const { tenant, user, session } = slotOf(write);
          if (!this.#barred.has(JSON.stringify([tenant, user, session]))) super.write(write, now);
        }
      },
  ),
];
