import {
  type CountQuery,
  compareByIdentity,
  compareText,
  type ScanPage,
  type ScanQuery,
  type Slot,
} from "../../src/index.js";
import { like } from "./like.js";
import { brokenDriver, type Mutant } from "./mutant.js";

/** Drivers that are wrong about prefixes, order and pages. */
export const scanMutants: readonly Mutant[] = [
  brokenDriver(
    "lists-other-runs",
    "identity/each-field-tells-apart",
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
        protected override matches({ kind, ...place }: Slot, query: ScanQuery): boolean {
          if (!super.matches({ kind, ...place }, query)) return false;
          const folder = query.prefix.replace(/\/$/, "");
          return query.identity === undefined || folder === "" || `${kind}/`.startsWith(`${folder}/`);
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
          const isPlain = query.identity && !query.from && !query.reverse && query.limit > 100;
          const at = isPlain && query.after && this.comparison(query)(record, query.after) === 0;
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
          return super.matches(record, query.identity && query.after ? { ...query, prefix: "" } : query);
        }
      },
  ),
  brokenDriver(
    "counts-one-too-many",
    "list/limit",
    (base) =>
      class extends base {
        override scan(query: ScanQuery): Promise<ScanPage> {
          return super.scan({ ...query, limit: query.limit + (query.reverse || query.from ? 0 : 1) });
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
        #isCounting = false;

        override async scan(query: ScanQuery): Promise<ScanPage> {
          const isList = query.identity !== undefined && !this.#isCounting;
          const page = await super.scan(query);
          return isList ? { records: page.records.slice(0, 1000), more: false } : page;
        }

        override count(query: CountQuery): Promise<number> {
          this.#isCounting = true;
          const counted = super.count(query);
          this.#isCounting = false;
          return counted;
        }
      },
  ),
  brokenDriver(
    "lists-page-by-page",
    "list/one-snapshot",
    (base) =>
      class extends base {
        override async scan(query: ScanQuery): Promise<ScanPage> {
          const limit = Math.min(query.limit, 500);
          const page = await super.scan({ ...query, limit });
          const last = page.records.at(-1);
          if (!page.more || limit === query.limit || last === undefined) return page;
          // As any answer of a database, the next page comes some turns of the event loop later.
          for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
          const rest = await this.scan({
            ...query,
            limit: query.limit - limit,
            [query.reverse ? "before" : "after"]: last,
          });
          return { ...rest, records: [...page.records, ...rest.records] };
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
    "stops-scans-at-eight-mebibytes",
    "list-kind/every-byte",
    (base) =>
      class extends base {
        override async scan(query: ScanQuery): Promise<ScanPage> {
          const { records, more } = await super.scan(query);
          return { records, more: more && (query.identity !== undefined || records.length === query.limit) };
        }
      },
  ),
  brokenDriver(
    "begins-tenants-at-the-kind-it-left",
    "list-kind/after-into-the-next-tenant",
    (base) =>
      class extends base {
        protected override matches(record: Slot, query: ScanQuery): boolean {
          const { after } = query;
          const isLater = after !== undefined && record.tenant !== after.tenant;
          return super.matches(record, query) && !(isLater && compareText(record.kind, after.kind) < 0);
        }
      },
  ),
  brokenDriver(
    "orders-by-utf-16",
    "order/kinds",
    (base) =>
      class extends base {
        protected override comparison(query: ScanQuery): (a: Slot, b: Slot) => number {
          if (query.identity === undefined) return super.comparison(query);
          return (a, b) => (a.kind < b.kind ? -1 : Number(a.kind > b.kind));
        }
      },
  ),
  brokenDriver(
    "orders-by-locale",
    "order/bounds",
    (base) =>
      class extends base {
        protected override comparison(query: ScanQuery): (a: Slot, b: Slot) => number {
          if (!query.identity || !(query.after || query.before)) return super.comparison(query);
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
  scanningByUtf16("tenant"),
  scanningByUtf16("kind"),
  scanningByUtf16("user"),
  scanningByUtf16("session"),
  scanningByUtf16("run"),
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
          const isScan = query.identity === undefined && after !== undefined;
          const lost = isScan && !this.space.records.has(this.slotKey(after));
          return super.matches(record, lost ? fromStart : query);
        }
      },
  ),
  brokenDriver(
    "goes-on-from-any-tenant",
    "list-kind/after-is-no-door",
    (base) =>
      class extends base {
        protected override isWithin(record: Slot, query: ScanQuery): boolean {
          const { tenant: _, ...unbound } = query;
          const isElsewhere = query.after !== undefined && query.after.tenant !== query.tenant;
          return super.isWithin(record, isElsewhere ? unbound : query);
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
];

/** Orders scans across identities by the UTF-16 units of one part. */
function scanningByUtf16(part: keyof Slot): Mutant {
  return brokenDriver(
    `orders-${part}s-by-utf-16`,
    "order/across-identities",
    (base) =>
      class extends base {
        protected override comparison(query: ScanQuery): (a: Slot, b: Slot) => number {
          if (query.identity !== undefined) return super.comparison(query);
          return (a, b) => {
            for (const each of ["tenant", "kind", "user", "session", "run"] as const) {
              const units = a[each] < b[each] ? -1 : Number(a[each] > b[each]);
              const order = each === part ? units : compareText(a[each], b[each]);
              if (order !== 0) return order;
            }
            return 0;
          };
        }
      },
  );
}

function glob(text: string, pattern: string): boolean {
  const escaped = pattern.replaceAll(/[\\^$.+()[\]{}|]/g, "\\$&");
  return new RegExp(`^${escaped.replaceAll("*", ".*").replaceAll("?", ".")}$`, "su").test(text);
}
