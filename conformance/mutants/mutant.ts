import { setImmediate as turn } from "node:timers/promises";
import type { ApplyOptions, Commit, Outcome, Slot, StateStore, Write } from "../../src/index.js";
import type { Harness } from "../harness/case.js";
import { ReferenceDriver, type ReferenceSpace } from "../harness/reference-driver.js";
import { inProcess, referenceHarness } from "../harness/reference-harness.js";
import { restamped } from "./restamped.js";

/** A store that is wrong in one rule, to show that the suite would notice. */
export interface Mutant {
  /** In kebab-case: what it does wrong. */
  readonly id: string;
  /** The case that states the rule it breaks, and must fail on it. */
  readonly breaks: string;
  /** Opens the broken store. */
  readonly harness: Harness;
  /** For rules that take several processes to break: where they import the harness from. */
  readonly modulePath?: string;
  /** It passes the suite, and fails the case when that is run beside another's data. */
  readonly beside?: boolean;
}

type DriverClass = new (space: ReferenceSpace) => ReferenceDriver;

/** The reference driver with one method done wrong. */
export function brokenDriver(
  id: string,
  breaks: string,
  mutate: (base: typeof ReferenceDriver) => DriverClass,
): Mutant {
  const Broken = mutate(ReferenceDriver);
  return { id, breaks, harness: inProcess(id, (space) => restamped(new Broken(space))) };
}

/** The same without what corrects its records: for memory that it hands out, signals, and its optional parts. */
export function bareDriver(
  id: string,
  breaks: string,
  mutate: (base: typeof ReferenceDriver) => DriverClass,
): Mutant {
  const Broken = mutate(ReferenceDriver);
  return { id, breaks, harness: inProcess(id, (space) => new Broken(space)) };
}

/** A driver that writes a commit in several steps, between which others read; of one part it makes one step. */
export function writingInParts(
  id: string,
  breaks: string,
  partsOf: (commit: Commit) => readonly (readonly Write[])[],
): Mutant {
  return brokenDriver(
    id,
    breaks,
    (base) =>
      class extends base {
        override async apply(commits: readonly Commit[], options: ApplyOptions): Promise<readonly Outcome[]> {
          const outcomes: Outcome[] = [];
          for (const commit of commits) {
            const outcome = this.judge(commit, options);
            const parts = partsOf(commit);
            if (outcome.is !== "applied" || parts.length <= 1) {
              outcomes.push(...(await super.apply([commit], options)));
              continue;
            }
            for (const part of parts) {
              for (const write of part) this.write(write, options.now);
              await turn();
            }
            outcomes.push(outcome);
          }
          return outcomes;
        }
      },
  );
}

/** A driver that looks for a slot in the place of another. */
export function addressing(id: string, breaks: string, place: (slot: Slot) => Slot): Mutant {
  return brokenDriver(
    id,
    breaks,
    (base) =>
      class extends base {
        protected override slotKey(slot: Slot): string {
          return super.slotKey(place(slot));
        }
      },
  );
}

/** The reference store with some operations done wrong. */
export function brokenStore(
  id: string,
  breaks: string,
  mutate: (store: StateStore) => Partial<StateStore>,
): Mutant {
  const open: Harness["open"] = async (space, options) => {
    const store = await referenceHarness.open(`${id}-${space}`, options);
    return altered(store, mutate(store));
  };
  const damage: Harness["damage"] = async (space, record) =>
    referenceHarness.damage?.(`${id}-${space}`, record);
  return { id, breaks, harness: { name: id, durable: true, open, damage } };
}

/** The store with some operations in place of its own. */
export function altered(store: StateStore, changes: Partial<StateStore>): StateStore {
  return new Proxy(store, {
    get(_, key) {
      const value: unknown = Reflect.get(key in changes ? changes : store, key);
      return typeof value === "function" && !(key in changes) ? value.bind(store) : value;
    },
  });
}
