import {
  compareByIdentity,
  compareText,
  type ScanPage,
  type ScanQuery,
  type Slot,
  type StoredRecord,
  type Write,
} from "../../src/index.js";
import { brokenDriver, type Mutant } from "./mutant.js";

type Session = Pick<Slot, "tenant" | "user" | "session">;

/** Drivers that are wrong about slots, prefixes, order, pages, erasing and what outlives them. */
export const scanMutants: readonly Mutant[] = [
  brokenDriver(
    "ignores-runs",
    "identity/run",
    (base) =>
      class extends base {
        protected override slotKey(slot: Slot): string {
          return super.slotKey({ ...slot, run: "" });
        }
      },
  ),
  brokenDriver(
    "keeps-seconds",
    "save/updated-at-milliseconds",
    (base) =>
      class extends base {
        protected override write(write: Write, now: number): void {
          const seconds = (time: number) => Math.trunc(time / 1000) * 1000;
          const cut = (record: StoredRecord) => ({ ...record, updatedAt: seconds(record.updatedAt) });
          super.write(write.op === "save" ? { ...write, record: cut(write.record) } : write, now);
        }
      },
  ),
  brokenDriver(
    "keeps-32-bit-versions",
    "limits/version",
    (base) =>
      class extends base {
        protected override write(write: Write, now: number): void {
          const cut = (record: StoredRecord) => ({ ...record, version: record.version >>> 0 });
          super.write(write.op === "save" ? { ...write, record: cut(write.record) } : write, now);
        }
      },
  ),
  brokenDriver(
    "keeps-bytes-as-text",
    "bytes/opaque",
    (base) =>
      class extends base {
        protected override write(write: Write, now: number): void {
          const text = (record: StoredRecord) => ({
            ...record,
            bytes: Buffer.from(Buffer.from(record.bytes).toString()),
          });
          super.write(write.op === "save" ? { ...write, record: text(write.record) } : write, now);
        }
      },
  ),
  brokenDriver(
    "lists-other-runs",
    "list/one-identity",
    (base) =>
      class extends base {
        protected override isWithin(record: Slot, query: ScanQuery): boolean {
          return query.identity ? this.isErased(record, query.identity) : super.isWithin(record, query);
        }
      },
  ),
  brokenDriver(
    "matches-prefixes-like-sql",
    "list/prefix-literal",
    (base) =>
      class extends base {
        protected override startsWith(kind: string, prefix: string): boolean {
          return like(kind, `${prefix}%`);
        }
      },
  ),
  brokenDriver(
    "matches-prefixes-by-pattern",
    "list/prefix-literal",
    (base) =>
      class extends base {
        protected override startsWith(kind: string, prefix: string): boolean {
          return glob(kind, `${prefix}*`);
        }
      },
  ),
  brokenDriver(
    "matches-scans-like-sql",
    "list-kind/prefix-literal",
    (base) =>
      class extends base {
        protected override matches(record: Slot, query: ScanQuery): boolean {
          if (query.identity !== undefined) return super.matches(record, query);
          return like(record.kind, `${query.prefix}%`) && super.matches(record, { ...query, prefix: "" });
        }
      },
  ),
  brokenDriver(
    "folds-prefixes",
    "list/prefix-case",
    (base) =>
      class extends base {
        protected override startsWith(kind: string, prefix: string): boolean {
          return kind.toLowerCase().startsWith(prefix.toLowerCase());
        }
      },
  ),
  brokenDriver(
    "takes-prefixes-for-paths",
    "list/prefix-separator",
    (base) =>
      class extends base {
        protected override startsWith(kind: string, prefix: string): boolean {
          const folder = prefix.replace(/\/$/, "");
          return folder === "" || kind === folder || kind.startsWith(`${folder}/`);
        }
      },
  ),
  brokenDriver(
    "ends-prefixes-at-ffff",
    "list/prefix-ends",
    (base) =>
      class extends base {
        protected override startsWith(kind: string, prefix: string): boolean {
          return compareText(kind, prefix) >= 0 && compareText(kind, `${prefix}\uffff`) < 0;
        }
      },
  ),
  brokenDriver(
    "takes-empty-prefix-for-none",
    "list/prefix-empty",
    (base) =>
      class extends base {
        protected override startsWith(kind: string, prefix: string): boolean {
          return prefix !== "" && super.startsWith(kind, prefix);
        }
      },
  ),
  brokenDriver(
    "includes-after",
    "list/after-before",
    (base) =>
      class extends base {
        protected override matches(record: Slot, query: ScanQuery): boolean {
          const at = query.after && this.comparison(query)(record, query.after) === 0;
          const { after: _, ...open } = query;
          return super.matches(record, at ? open : query);
        }
      },
  ),
  brokenDriver(
    "forgets-prefix-with-bounds",
    "list/bounds-and-prefix",
    (base) =>
      class extends base {
        protected override matches(record: Slot, query: ScanQuery): boolean {
          return super.matches(record, query.after ? { ...query, prefix: "" } : query);
        }
      },
  ),
  brokenDriver(
    "counts-one-too-many",
    "list/limit",
    (base) =>
      class extends base {
        override scan(query: ScanQuery): Promise<ScanPage> {
          return super.scan({ ...query, limit: query.limit + 1 });
        }
      },
  ),
  brokenDriver(
    "reverses-after-limiting",
    "list/reverse",
    (base) =>
      class extends base {
        override async scan(query: ScanQuery): Promise<ScanPage> {
          const page = await super.scan({ ...query, reverse: false });
          return { ...page, records: query.reverse ? page.records.toReversed() : page.records };
        }
      },
  ),
  brokenDriver(
    "stops-at-a-thousand",
    "list/every-match",
    (base) =>
      class extends base {
        override async scan(query: ScanQuery): Promise<ScanPage> {
          const { records } = await super.scan(query);
          return { records: records.slice(0, 1000), more: false };
        }
      },
  ),
  brokenDriver(
    "stops-at-eight-mebibytes",
    "list/every-byte",
    (base) =>
      class extends base {
        override async scan(query: ScanQuery): Promise<ScanPage> {
          const { records } = await super.scan({ ...query, maxBytes: 8 * 1024 * 1024 });
          return { records, more: false };
        }
      },
  ),
  brokenDriver(
    "orders-by-utf-16",
    "order/kinds",
    (base) =>
      class extends base {
        protected override comparison(): (a: Slot, b: Slot) => number {
          return (a, b) => (a.kind < b.kind ? -1 : Number(a.kind > b.kind));
        }
      },
  ),
  brokenDriver(
    "orders-by-locale",
    "order/bounds",
    (base) =>
      class extends base {
        protected override comparison(): (a: Slot, b: Slot) => number {
          return (a, b) => a.kind.localeCompare(b.kind, "en");
        }
      },
  ),
  brokenDriver(
    "scans-by-identity",
    "order/across-identities",
    (base) =>
      class extends base {
        protected override comparison(): (a: Slot, b: Slot) => number {
          return compareByIdentity;
        }
      },
  ),
  brokenDriver(
    "scans-sessions-alone",
    "list-kind/every-identity",
    (base) =>
      class extends base {
        protected override isWithin(record: Slot, query: ScanQuery): boolean {
          return super.isWithin(record, query) && (query.identity !== undefined || record.run === "");
        }
      },
  ),
  brokenDriver(
    "leaves-its-tenant",
    "list-kind/inside-its-tenant",
    (base) =>
      class extends base {
        protected override isWithin(record: Slot, { tenant: _, ...query }: ScanQuery): boolean {
          return super.isWithin(record, query);
        }
      },
  ),
  brokenDriver(
    "scans-tenants-like-sql",
    "isolation/scans",
    (base) =>
      class extends base {
        protected override isWithin(record: Slot, query: ScanQuery): boolean {
          const { tenant, ...everywhere } = query;
          if (tenant === undefined || query.identity !== undefined) return super.isWithin(record, query);
          return like(record.tenant, tenant) && super.isWithin(record, everywhere);
        }
      },
  ),
  brokenDriver(
    "loses-its-place",
    "list-kind/after-deleted",
    (base) =>
      class extends base {
        protected override matches(record: Slot, query: ScanQuery): boolean {
          const { after, ...fromStart } = query;
          const lost = after !== undefined && !this.space.records.has(this.slotKey(after));
          return super.matches(record, lost ? fromStart : query);
        }
      },
  ),
  brokenDriver(
    "goes-on-by-kind-alone",
    "list-kind/after",
    (base) =>
      class extends base {
        protected override matches(record: Slot, query: ScanQuery): boolean {
          const passed = query.after !== undefined && compareText(record.kind, query.after.kind) <= 0;
          return super.matches(record, query) && !passed;
        }
      },
  ),
  brokenDriver(
    "erases-by-prefix",
    "erase/leaves-neighbours",
    (base) =>
      class extends base {
        protected override isErased(record: Slot, { tenant, user, session }: Session): boolean {
          return record.tenant === tenant && record.user === user && record.session.startsWith(session);
        }
      },
  ),
  brokenDriver(
    "erases-like-sql",
    "isolation/erase",
    (base) =>
      class extends base {
        protected override isErased(record: Slot, { tenant, user, session }: Session): boolean {
          return record.tenant === tenant && record.user === user && like(record.session, session);
        }
      },
  ),
  brokenDriver(
    "erases-without-runs",
    "erase/whole-session",
    (base) =>
      class extends base {
        protected override isErased(record: Slot, session: Session): boolean {
          return super.isErased(record, session) && (record as Slot).run === "";
        }
      },
  ),
  brokenDriver(
    "counts-every-event-erased",
    "erase/counts-what-is-there",
    (base) =>
      class extends base {
        override async erase(tenant: string, user: string, session: string): Promise<number> {
          await super.erase(tenant, user, session);
          const events = [...this.space.events.values()];
          return events.filter(({ slot }) => this.isErased(slot, { tenant, user, session })).length;
        }
      },
  ),
  brokenDriver(
    "erases-a-users-sessions",
    "erase/users-own",
    (base) =>
      class extends base {
        protected override isErased(record: Slot, session: Session): boolean {
          return super.isErased(session.session === "~" ? { ...record, session: "~" } : record, session);
        }
      },
  ),
  brokenDriver(
    "bars-erased-sessions",
    "erase/bars-nothing",
    (base) =>
      class extends base {
        readonly #barred = new Set<string>();

        override erase(tenant: string, user: string, session: string): Promise<number> {
          this.#barred.add(JSON.stringify([tenant, user, session]));
          return super.erase(tenant, user, session);
        }

        protected override write(write: Write, now: number): void {
          const { tenant, user, session } = write.op === "save" ? write.record : write.slot;
          if (!this.#barred.has(JSON.stringify([tenant, user, session]))) super.write(write, now);
        }
      },
  ),
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
];

function like(text: string, pattern: string): boolean {
  const escaped = pattern.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&");
  return new RegExp(`^${escaped.replaceAll("%", ".*").replaceAll("_", ".")}$`, "su").test(text);
}

function glob(text: string, pattern: string): boolean {
  const escaped = pattern.replaceAll(/[\\^$.+()[\]{}|]/g, "\\$&");
  return new RegExp(`^${escaped.replaceAll("*", ".*").replaceAll("?", ".")}$`, "su").test(text);
}
