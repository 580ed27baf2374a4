import {
  type Driver,
  isStateError,
  type Slot,
  StateError,
  type StoredRecord,
  type Watch,
} from "../../src/index.js";
import { DAMAGED } from "../harness/reference-harness.js";
import { brokenDriver, brokenStore, type Mutant } from "./mutant.js";

/** What a damaged record must not do. */
export const damageMutants: readonly Mutant[] = [
  brokenDriver(
    "does-not-say-which-record-is-damaged",
    "damage/names-its-record",
    (base) =>
      class extends base {
        override async read(slots: readonly Slot[]) {
          return requireWhole(await super.read(slots));
        }
      },
  ),
  brokenDriver(
    "takes-a-damaged-record-for-none",
    "damage/names-its-record",
    (base) =>
      class extends base {
        override async scan(query: Parameters<Driver["scan"]>[0]) {
          const page = await super.scan(query);
          return { ...page, records: page.records.filter((record) => !isDamaged(record)) };
        }
      },
  ),
  brokenDriver(
    "verifies-more-than-the-page",
    "damage/keeps-to-itself",
    (base) =>
      class extends base {
        override async scan(query: Parameters<Driver["scan"]>[0]) {
          requireWhole([...this.space.records.values()].filter(({ tenant }) => tenant === query.tenant));
          return super.scan(query);
        }
      },
  ),
  brokenDriver(
    "is-unavailable-where-a-record-is-damaged",
    "damage/keeps-to-itself",
    (base) =>
      class extends base {
        override async read(slots: readonly Slot[]) {
          const records = await super.read(slots);
          if (records.some(isDamaged)) {
            const details = { reason: "unreachable" } as const;
            throw new StateError("UNAVAILABLE", "the answer cannot be read", { details });
          }
          return records;
        }
      },
  ),
  brokenDriver(
    "reads-what-it-writes-over",
    "damage/is-written-over",
    (base) =>
      class extends base {
        protected override write(...[write, now]: Parameters<InstanceType<typeof base>["write"]>) {
          if (write.op === "delete") requireWhole([this.space.records.get(this.slotKey(write.slot))]);
          super.write(write, now);
        }
      },
  ),
  brokenStore("watches-damage-as-an-empty-slot", "damage/ends-its-watch", (store) => ({
    watch(places, options) {
      const watch = store.watch(places, options);
      const next: Watch["next"] = () =>
        watch.next().catch((error: unknown) => {
          const [place] = places;
          if (!isStateError(error, "CORRUPT") || place === undefined) throw error;
          return { done: false, value: { ...place, place: 0, record: undefined } };
        });
      return Object.assign(Object.create(watch) as Watch, {
        next,
        return: () => watch.return(),
        [Symbol.asyncIterator]() {
          return this;
        },
        [Symbol.asyncDispose]: () => watch[Symbol.asyncDispose](),
      });
    },
  })),
];

function isDamaged(record: StoredRecord | undefined): boolean {
  return record?.fingerprint === DAMAGED;
}

function requireWhole<R extends StoredRecord | undefined>(records: readonly R[]): readonly R[] {
  if (records.some(isDamaged)) throw new StateError("CORRUPT", "a checksum is wrong", { details: {} });
  return records;
}
