import type {
  ApplyOptions,
  Commit,
  EraseTarget,
  Outcome,
  ScanPage,
  ScanQuery,
  Slot,
  StoredRecord,
  Write,
} from "../../src/index.js";
import { addressing, brokenDriver, type Mutant } from "./mutant.js";

type Session = Pick<Slot, "tenant" | "user" | "session">;

/** Drivers that take one name for another. */
export const nameMutants: readonly Mutant[] = [
  addressing("folds-names", "isolation/names", (slot) => every(slot, (name) => name.toLowerCase())),
  addressing("trims-names", "isolation/names", (slot) => every(slot, (name) => name.trim())),
  addressing("composes-names", "isolation/names", (slot) => every(slot, (name) => name.normalize("NFC"))),
  addressing("takes-digits-for-numbers", "isolation/names", (slot) => every(slot, asNumber)),
  addressing("cuts-names-at-254-bytes", "isolation/names", (slot) => ({
    ...slot,
    user: Buffer.from(slot.user).subarray(0, 254).toString(),
  })),
  addressing("cuts-kinds-at-255-characters", "isolation/names", (slot) => ({
    ...slot,
    kind: slot.kind.slice(0, 255),
  })),
  addressing("normalises-tenants", "isolation/tenants", (slot) => ({
    ...slot,
    tenant: slot.tenant.normalize("NFKC").replaceAll("\u200b", "").trim(),
  })),
  addressing("makes-reserved-names-of-look-alikes", "identity/reserved-makers", (slot) => ({
    ...slot,
    session: slot.session.normalize("NFKC"),
  })),
  addressing("joins-tenant-and-user", "isolation/joined-names", (slot) => ({
    ...slot,
    tenant: `${slot.tenant}/${slot.user}`,
    user: "",
  })),
  brokenDriver(
    "joins-keys",
    "isolation/joined-names",
    (base) =>
      class extends base {
        protected override slotKey({ tenant, user, session, run, kind }: Slot): string {
          return [tenant, user, session, run, kind].join(":");
        }
      },
  ),
  brokenDriver(
    "joins-tenant-and-event-id",
    "isolation/joined-names",
    (base) =>
      class extends base {
        protected override eventKey(tenant: string, eventId: string): string {
          return `${tenant}|${eventId}`;
        }
      },
  ),
  brokenDriver(
    "lists-from-a-plain-object",
    "isolation/names",
    (base) =>
      class extends base {
        override async scan(query: ScanQuery): Promise<ScanPage> {
          const { records, more } = await super.scan(query);
          if (query.identity === undefined) return { records, more };
          // Under __proto__ it is no property, and what looks like an index comes first.
          const byKind: Record<string, StoredRecord> = {};
          for (const record of records) byKind[record.kind] = record;
          return { records: Object.values(byKind), more };
        }
      },
  ),
  brokenDriver(
    "looks-for-event-ids-in-a-plain-object",
    "idempotency/ids-are-literal",
    (base) =>
      class extends base {
        readonly #seen: Record<string, true> = {};

        protected override applyOne(commit: Commit, options: ApplyOptions): Outcome {
          const saves = commit.writes.filter((write) => write.op === "save");
          const ids = saves.map(({ record }) => record.eventId);
          const outcome = super.applyOne(commit, options);
          const isKnown = ids.length > 0 && ids.every((id) => id in this.#seen);
          for (const id of ids) this.#seen[id] = true;
          return outcome.is === "applied" && isKnown ? { is: "duplicate" } : outcome;
        }
      },
  ),
  brokenDriver(
    "falls-back-to-look-alikes",
    "isolation/delete",
    (base) =>
      class extends base {
        override async read(slots: readonly Slot[]): Promise<readonly (StoredRecord | undefined)[]> {
          const found = await super.read(slots);
          return slots.map((slot, index) => found[index] ?? this.#lookAlike(slot));
        }

        #lookAlike(slot: Slot): StoredRecord | undefined {
          const key = folded(slot);
          return [...this.space.records.values()].find((record) => folded(record) === key);
        }
      },
  ),
  brokenDriver(
    "deletes-in-any-case",
    "isolation/delete",
    (base) =>
      class extends base {
        protected override write(write: Write, now: number): void {
          super.write(write, now);
          if (write.op !== "delete") return;
          for (const [key, record] of this.space.records) {
            if (folded(record) === folded(write.slot)) this.space.records.delete(key);
          }
        }
      },
  ),
  brokenDriver(
    "erases-by-locale",
    "isolation/erase",
    (base) =>
      class extends base {
        protected override isErased(record: Slot, target: EraseTarget): boolean {
          if ("prefix" in target) return super.isErased(record, target);
          const { tenant, user, session } = target;
          // What has no weight in a locale's order, such as a zero-width joiner, makes no difference.
          return (
            super.isErased({ ...record, session }, { tenant, user, session }) &&
            record.session.localeCompare(session, "en") === 0
          );
        }
      },
  ),
  brokenDriver(
    "erases-joined-names",
    "isolation/erase",
    (base) =>
      class extends base {
        protected override isErased(record: Slot, target: EraseTarget): boolean {
          if ("prefix" in target) return super.isErased(record, target);
          const joined = (of: Session) => `${of.tenant}/${of.user}/${of.session}`;
          return joined(record) === joined(target);
        }
      },
  ),
];

function every({ tenant, user, session, run, kind }: Slot, change: (name: string) => string): Slot {
  return {
    tenant: change(tenant),
    user: change(user),
    session: change(session),
    run: change(run),
    kind: change(kind),
  };
}

/** What a column that was declared to hold numbers makes of text. */
function asNumber(name: string): string {
  return /^[+-]?\d/.test(name) && !Number.isNaN(Number(name)) ? String(Number(name)) : name;
}

function folded(slot: Slot): string {
  return JSON.stringify(every(slot, (name) => name.normalize("NFKC").toLowerCase().trim()));
}
