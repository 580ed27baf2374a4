import type { ApplyOptions, EraseTarget, ScanQuery, Slot, StoredRecord, Write } from "../../src/index.js";
import type { ReferenceDriver, RememberedEvent } from "../harness/reference-driver.js";
import { brokenDriver, type Mutant } from "./mutant.js";

/** Drivers that keep every rule as long as nobody else's data lies close by. */
export const besideMutants: readonly Mutant[] = [
  besideAnother(
    "erases-by-joined-prefix",
    "erase/whole-session",
    (base) =>
      class extends base {
        protected override isErased(record: Slot, target: EraseTarget): boolean {
          if ("prefix" in target) return super.isErased(record, target);
          const key = [record.tenant, record.user, record.session, ""].join(":");
          return key.startsWith([target.tenant, target.user, target.session, ""].join(":"));
        }
      },
  ),
  besideAnother(
    "counts-its-own-and-erases-more",
    "erase/bars-nothing",
    (base) =>
      class extends base {
        protected override erase(target: EraseTarget): number {
          const { tenant, user, session } = target;
          for (const [key, record] of this.space.records) {
            if (record.tenant === tenant && record.session === session && record.user.startsWith(`${user}:`))
              this.space.records.delete(key);
          }
          return super.erase(target);
        }
      },
  ),
  besideAnother(
    "deletes-by-event-id",
    "delete/says-whether",
    (base) =>
      class extends base {
        protected override write(write: Write, now: number): void {
          const gone = write.op === "delete" && this.space.records.get(this.slotKey(write.slot));
          if (gone) for (const [key] of sharing(this.space.records, gone)) this.space.records.delete(key);
          super.write(write, now);
        }
      },
  ),
  besideAnother(
    "overwrites-by-event-id",
    "save/replaces",
    (base) =>
      class extends base {
        protected override write(write: Write, now: number): void {
          const before = write.op === "save" && this.space.records.get(this.slotKey(write.record));
          if (before) for (const [key] of sharing(this.space.records, before)) this.space.records.delete(key);
          super.write(write, now);
        }
      },
  ),
  besideAnother(
    "forgets-ids-of-every-tenant",
    "window/current-stays-seen",
    (base) =>
      class extends base {
        protected override forget(atMost: number, options: ApplyOptions): void {
          const looked: RememberedEvent[] = [];
          for (const event of this.space.events.values()) {
            if (looked.length === atMost) break;
            looked.push(event);
          }
          super.forget(atMost, options);
          for (const event of looked) {
            if (this.space.events.has(this.eventKey(event.tenant, event.eventId))) continue;
            for (const [key] of sharing(this.space.events, event)) this.space.events.delete(key);
          }
        }
      },
  ),
  besideAnother(
    "forgets-content-of-every-tenant",
    "idempotency/erased-content-is-forgotten",
    (base) =>
      class extends base {
        protected override forgetContent(record: StoredRecord): void {
          for (const [, { tenant }] of sharing(this.space.events, record))
            super.forgetContent({ ...record, tenant });
        }
      },
  ),
  besideAnother(
    "scans-into-the-next-tenant",
    "list-kind/every-identity",
    (base) =>
      class extends base {
        protected override isWithin(record: Slot, query: ScanQuery): boolean {
          const { tenant, identity } = query;
          const isBehind = tenant !== undefined && record.tenant.startsWith(`${tenant}\u0001`);
          return (identity === undefined && isBehind) || super.isWithin(record, query);
        }
      },
  ),
];

function besideAnother(
  id: string,
  breaks: string,
  mutate: (base: typeof ReferenceDriver) => ReturnType<Parameters<typeof brokenDriver>[2]>,
): Mutant {
  return { ...brokenDriver(id, breaks, mutate), beside: true };
}

/** What any tenant has under this event id. */
function* sharing<T extends { readonly eventId: string }>(
  all: ReadonlyMap<string, T>,
  { eventId }: { readonly eventId: string },
): Iterable<readonly [string, T]> {
  for (const entry of all) if (entry[1].eventId === eventId) yield entry;
}
