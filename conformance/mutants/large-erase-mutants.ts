import {
  type ApplyOptions,
  type Commit,
  type EraseTarget,
  type Outcome,
  type Slot,
  type StoredRecord,
  type Swept,
  targetOf,
} from "../../src/index.js";
import type { ReferenceDriver } from "../harness/reference-driver.js";
import { brokenDriver, type Mutant } from "./mutant.js";

/** More than this is much for one step. */
export const PIECE = 500;

/** Drivers that are wrong about what a large erase leaves behind. */
export const largeEraseMutants: readonly Mutant[] = [
  brokenDriver(
    "fences-before-it-judges",
    "large-erase/in-a-commit",
    (base) =>
      class extends base {
        protected override applyOne(commit: Commit, options: ApplyOptions): Outcome {
          if (commit.writes.length > 1)
            for (const write of commit.writes)
              if (write.op === "erase" && this.#sizeOf(targetOf(write)) > PIECE) this.erase(targetOf(write));
          return super.applyOne(commit, options);
        }

        #sizeOf(target: EraseTarget): number {
          return [...this.space.records.values()].filter((record) => this.isErased(record, target)).length;
        }
      },
  ),
  showingWhatIsToSweep("shows-what-it-has-yet-to-sweep", "large-erase/one-step"),
  sweepingWhatCameLater("sweeps-what-came-later", "large-erase/leaves-what-comes-later"),
  brokenDriver(
    "remembers-content-of-large-erases",
    "large-erase/retries-are-duplicates",
    (base) =>
      class extends base {
        #erased = 0;

        protected override erase(target: EraseTarget): number {
          this.#erased = 0;
          return super.erase(target);
        }

        protected override forgetContent(record: StoredRecord): void {
          if (this.#erased++ < 2 * PIECE) super.forgetContent(record);
        }
      },
  ),
  brokenDriver(
    "ends-a-scan-when-it-has-passed-many-tenants",
    "list-kind/few-among-many-tenants",
    (base) =>
      class extends base {
        override async scan(...[query]: Parameters<ReferenceDriver["scan"]>) {
          const page = await super.scan(query);
          if (query.tenant !== undefined || query.identity !== undefined) return page;
          const tenants = [...new Set([...this.space.records.values()].map(({ tenant }) => tenant))].sort();
          const from = tenants.findIndex((tenant) => tenant >= (query.after?.tenant ?? ""));
          const seen = new Set(tenants.slice(from, from + PIECE));
          const records = page.records.filter(({ tenant }) => seen.has(tenant));
          return { records, more: page.more && records.length > 0 };
        }
      },
  ),
];

/** Erases one piece at once, and shows the rest until it is swept; only of the erases that `concerns` means. */
export function showingWhatIsToSweep(
  id: string,
  breaks: string,
  concerns: (target: EraseTarget) => boolean = () => true,
): Mutant {
  return brokenDriver(
    id,
    breaks,
    (base) =>
      class extends base {
        #left = Number.POSITIVE_INFINITY;

        protected override applyOne(commit: Commit, options: ApplyOptions): Outcome {
          this.#left = PIECE;
          const outcome = super.applyOne(commit, options);
          const isPart = this.#left <= 0;
          this.#left = Number.POSITIVE_INFINITY;
          return isPart ? leavingRemains(outcome) : outcome;
        }

        protected override isErased(record: Slot, target: EraseTarget): boolean {
          return super.isErased(record, target) && (!concerns(target) || this.#left-- > 0);
        }

        override async sweep(target: EraseTarget): Promise<Swept> {
          await nextTimer();
          this.#left = PIECE;
          const removed = this.erase(target);
          return { removed, more: removed === PIECE };
        }
      },
  );
}

/** Its sweeps remove all there is, what was saved since included; only of the erases that `concerns` means. */
export function sweepingWhatCameLater(
  id: string,
  breaks: string,
  concerns: (target: EraseTarget) => boolean = () => true,
): Mutant {
  return brokenDriver(
    id,
    breaks,
    (base) =>
      class extends base {
        protected override applyOne(commit: Commit, options: ApplyOptions): Outcome {
          return leavingRemains(super.applyOne(commit, options));
        }

        override async sweep(target: EraseTarget): Promise<Swept> {
          await nextTimer();
          return { removed: concerns(target) ? this.erase(target) : 0, more: false };
        }
      },
  );
}

function leavingRemains(outcome: Outcome): Outcome {
  return outcome.is === "applied" && outcome.erased !== undefined ? { ...outcome, remains: true } : outcome;
}

/** So that others have their turn before. */
export function nextTimer(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 20));
}
