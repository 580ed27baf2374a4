import {
  type ApplyOptions,
  type Change,
  type Commit,
  type EraseTarget,
  isInTarget,
  type Outcome,
  type Slot,
  type SlotPrefix,
  slotOf,
  targetOf,
} from "../../src/index.js";
import { nextTimer, PIECE, showingWhatIsToSweep, sweepingWhatCameLater } from "./large-erase-mutants.js";
import { like } from "./like.js";
import { brokenDriver, brokenStore, type Mutant } from "./mutant.js";

/** Drivers and stores that are wrong about erases by prefix. */
export const erasePrefixMutants: readonly Mutant[] = [
  choosing("erases-a-prefix-in-every-run", "erase-prefix/exact-identity", (record, target) =>
    isInTarget({ ...record, run: target.run }, target),
  ),
  choosing(
    "erases-a-prefix-like-sql",
    "erase-prefix/literal",
    (record, target) =>
      isInTarget(record, { ...target, prefix: "" }) && like(record.kind, `${target.prefix}%`),
  ),
  choosing("takes-an-empty-prefix-for-every-run", "erase-prefix/empty", (record, target) =>
    isInTarget(target.prefix === "" ? { ...record, run: target.run } : record, target),
  ),
  brokenStore("takes-a-forgotten-prefix-for-none", "erase-prefix/forgotten", (store) => ({
    erase: (identity, { prefix, ...options } = {}) =>
      store.erase(identity, { ...options, ...(typeof prefix === "string" ? { prefix } : {}) }),
  })),
  brokenStore("erases-a-prefix-of-own-state-unasked", "erase-prefix/own-state-asked-for", (store) => ({
    erase: (identity, options = {}) =>
      store.erase(identity, "prefix" in options ? { ...options, ownState: true } : options),
  })),
  brokenStore("erases-prefixes-out-of-order", "erase-prefix/in-order", (store) => ({
    async erase(identity, options = {}) {
      if ("prefix" in options) await nextTimer();
      return store.erase(identity, options);
    },
  })),
  brokenDriver(
    "forgets-ids-erased-by-prefix",
    "erase-prefix/remembers-ids",
    (base) =>
      class extends base {
        protected override erase(target: EraseTarget): number {
          const doomed = [...this.space.records.values()].filter((record) => this.isErased(record, target));
          const erased = super.erase(target);
          if ("prefix" in target)
            for (const { tenant, eventId } of doomed)
              this.space.events.delete(this.eventKey(tenant, eventId));
          return erased;
        }
      },
  ),
  erasingFirst("erases-a-prefix-before-it-judges", "erase-prefix/in-a-commit", 0),
  brokenStore("drops-changes-of-what-it-erases", "erase-prefix/overlaps-refused", (store) => ({
    async commit(changes, options) {
      let kept = changes;
      try {
        kept = changes.filter(isApart);
      } catch {
        // What is no change is left to the store to refuse.
      }
      return store.commit(kept, options);
    },
  })),
  erasingFirst("fences-a-prefix-before-it-judges", "large-erase-prefix/in-a-commit", PIECE),
  showingWhatIsToSweep(
    "shows-what-it-has-yet-to-sweep-of-a-prefix",
    "large-erase-prefix/one-step",
    isOfPrefix,
  ),
  sweepingWhatCameLater(
    "sweeps-what-came-later-under-a-prefix",
    "large-erase-prefix/leaves-what-comes-later",
    isOfPrefix,
  ),
  brokenDriver(
    "keeps-one-fence-per-session",
    "large-erase-prefix/side-by-side",
    (base) =>
      class extends base {
        readonly #fenced: SlotPrefix[] = [];

        protected override erase(target: EraseTarget): number {
          const erased = super.erase(target);
          if (!("prefix" in target) || erased < 500) return erased;
          for (const earlier of this.#fenced)
            if (isInTarget({ ...earlier, kind: "" }, { ...target, prefix: "" })) super.erase(earlier);
          this.#fenced.push(target);
          return erased;
        }
      },
  ),
  brokenDriver(
    "takes-a-narrower-erase-for-done",
    "large-erase-prefix/nested",
    (base) =>
      class extends base {
        readonly #fenced: EraseTarget[] = [];

        protected override erase(target: EraseTarget): number {
          const first = slotOf(
            "prefix" in target ? { op: "erase", slots: target } : { op: "erase", session: target },
          );
          if (this.#fenced.some((wider) => wider !== target && isInTarget(first, wider))) return 0;
          const erased = super.erase(target);
          if (erased > PIECE) this.#fenced.push(target);
          return erased;
        }
      },
  ),
];

/** Removes other records than those in these slots. */
function choosing(
  id: string,
  breaks: string,
  isErased: (record: Slot, target: SlotPrefix) => boolean,
): Mutant {
  return brokenDriver(
    id,
    breaks,
    (base) =>
      class extends base {
        protected override isErased(record: Slot, target: EraseTarget): boolean {
          return "prefix" in target ? isErased(record, target) : super.isErased(record, target);
        }
      },
  );
}

/** Erases more than so many records of a prefix, whatever the commit's outcome. */
function erasingFirst(id: string, breaks: string, least: number): Mutant {
  return brokenDriver(
    id,
    breaks,
    (base) =>
      class extends base {
        protected override applyOne(commit: Commit, options: ApplyOptions): Outcome {
          for (const write of commit.writes) {
            if (write.op !== "erase" || write.session !== undefined || commit.writes.length === 1) continue;
            if (this.#sizeOf(write.slots) > least) this.erase(targetOf(write));
          }
          return super.applyOne(commit, options);
        }

        #sizeOf(target: EraseTarget): number {
          return [...this.space.records.values()].filter((record) => this.isErased(record, target)).length;
        }
      },
  );
}

/** Whether no erase by prefix among the changes is of this one too. */
function isApart(change: Change, _: number, changes: readonly Change[]): boolean {
  const slot = placeOf(change);
  return !changes.some(
    (other) =>
      other !== change &&
      other.op === "erase" &&
      "prefix" in other &&
      isInTarget(slot, { run: "", ...other.identity, prefix: other.prefix }),
  );
}

function placeOf(change: Change): Slot {
  if (change.op === "save") return { run: "", ...change.record.identity, kind: change.record.kind };
  if (change.op !== "erase") return { run: "", ...change.identity, kind: change.kind };
  return { run: "", ...change.identity, kind: "prefix" in change ? change.prefix : "" };
}

function isOfPrefix(target: EraseTarget): boolean {
  return "prefix" in target;
}
