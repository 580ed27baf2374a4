import type {
  CountQuery,
  ScanPage,
  ScanQuery,
  Session,
  SessionIdentity,
  SessionsOptions,
  SessionsQuery,
  Slot,
  StateStore,
  UserIdentity,
} from "../../src/index.js";
import { userIdentity } from "../../src/index.js";
import { like } from "./like.js";
import { brokenDriver, brokenStore, type Mutant } from "./mutant.js";

const EIGHT_MIB = 8 * 1024 * 1024;

/** Stores that are wrong about lists without payloads, counts, and the sessions of a user. */
export const listingMutants: readonly Mutant[] = [
  // As a database whose answer holds so many bytes, and that hands out what fits.
  brokenDriver(
    "passes-over-what-is-larger-than-an-answer",
    "limits/larger-than-a-page",
    (base) =>
      class extends base {
        override async scan(query: ScanQuery): Promise<ScanPage> {
          const { records, ...rest } = await super.scan(query);
          if (records.length < 2) return { records, ...rest };
          return { records: records.filter(({ bytes }) => bytes.byteLength < 4 * 1024 * 1024), ...rest };
        }
      },
  ),
  brokenDriver(
    "takes-from-for-after",
    "list/from",
    (base) =>
      class extends base {
        protected override matches(record: Slot, { from, ...query }: ScanQuery): boolean {
          const passed = from !== undefined && this.comparison(query)(record, from) <= 0;
          return !passed && super.matches(record, query);
        }
      },
  ),
  brokenDriver(
    "drops-from-beside-after",
    "list/from",
    (base) =>
      class extends base {
        protected override matches(record: Slot, { from, ...query }: ScanQuery): boolean {
          return super.matches(record, from && !query.after ? { ...query, from } : query);
        }
      },
  ),
  brokenStore("lists-payloads-unasked", "list-headers/without-payloads", (store) => ({
    list(identity, prefix, options) {
      const { bytes: _, ...whole } = options ?? {};
      return store.list(identity, prefix, whole);
    },
  })),
  brokenDriver(
    "leaves-out-payloads-for-good",
    "list-headers/without-payloads",
    (base) =>
      class extends base {
        #leavesOut = false;

        override scan(query: ScanQuery): Promise<ScanPage> {
          this.#leavesOut ||= query.bytes === false;
          return super.scan(this.#leavesOut ? { ...query, bytes: false } : query);
        }
      },
  ),
  brokenDriver(
    "turns-lists-without-payloads-around",
    "list-headers/same-records",
    (base) =>
      class extends base {
        override async scan(query: ScanQuery): Promise<ScanPage> {
          if (query.bytes !== false) return super.scan(query);
          const page = await super.scan({ ...query, reverse: false });
          return query.reverse ? { ...page, records: page.records.toReversed() } : page;
        }
      },
  ),
  brokenDriver(
    "weighs-payloads-it-leaves-out",
    "list-headers/large-payloads",
    (base) =>
      class extends base {
        override async scan(query: ScanQuery): Promise<ScanPage> {
          if (query.bytes !== false) return super.scan(query);
          const { bytes: _, ...whole } = query;
          const { records } = await super.scan({ ...whole, maxBytes: EIGHT_MIB });
          return { records, more: false };
        }
      },
  ),
  brokenDriver(
    "counts-prefixes-alone",
    "count/as-many-as-list",
    (base) =>
      class extends base {
        override count({ identity, prefix, limit }: CountQuery): Promise<number> {
          return super.count({ identity, prefix, limit });
        }
      },
  ),
  brokenDriver(
    "counts-every-run",
    "count/one-identity",
    (base) =>
      class extends base {
        override async count({ identity, prefix }: CountQuery): Promise<number> {
          const all = [...this.space.records.values()];
          return all.filter((record) => this.isErased(record, identity) && record.kind.startsWith(prefix))
            .length;
        }
      },
  ),
  brokenDriver(
    "counts-to-a-thousand",
    "count/every-match",
    (base) =>
      class extends base {
        override count(query: CountQuery): Promise<number> {
          return super.count({ ...query, limit: Math.min(query.limit, 1000) });
        }
      },
  ),
  brokenDriver(
    "counts-what-it-has-erased",
    "count/beside-an-erase",
    (base) =>
      class extends base {
        readonly #erased = new Map<string, number>();

        protected override erase(session: Session): number {
          const erased = super.erase(session);
          this.#erased.set(session.session, erased);
          return erased;
        }

        override async count(query: CountQuery): Promise<number> {
          return (await super.count(query)) + (this.#erased.get(query.identity.session) ?? 0);
        }
      },
  ),
  brokenDriver(
    "counts-in-pieces",
    "count/one-snapshot",
    (base) =>
      class extends base {
        override async count(query: CountQuery): Promise<number> {
          let count = 0;
          let from = query.after;
          for (;;) {
            const range = { ...query, ...(from && { after: from }), limit: 500 };
            const { records } = await this.scan({
              ...range,
              maxBytes: EIGHT_MIB,
              reverse: false,
              bytes: false,
            });
            count += records.length;
            if (records.length < 500) return Math.min(count, query.limit);
            from = records.at(-1);
            // As any answer of a database, the next piece comes some turns of the event loop later.
            for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
          }
        }
      },
  ),
  brokenDriver(
    "lists-sessions-without-runs",
    "list-sessions/after-deletes-and-erases",
    (base) =>
      class extends base {
        protected override isOfUser(record: Slot, query: SessionsQuery): boolean {
          return record.run === "" && super.isOfUser(record, query);
        }
      },
  ),
  brokenDriver(
    "remembers-every-session",
    "list-sessions/after-deletes-and-erases",
    (base) =>
      class extends base {
        override async scanSessions(query: SessionsQuery) {
          const slots = [...this.space.events.values()].map(({ slot }) => slot);
          const names = slots.filter((slot) => this.isOfUser(slot, query)).map(({ session }) => session);
          return { sessions: [...new Set(names)].sort(), more: false };
        }
      },
  ),
  brokenStore("lists-sessions-once-a-run", "list-sessions/those-with-records", (store) => ({
    async listSessions(user, options) {
      const sessions = await store.listSessions(user, options);
      const runs = await Promise.all(sessions.map((session) => store.count({ ...session, run: "z" }, "")));
      return sessions.flatMap((session, index) => (runs[index] === 0 ? session : [session, session]));
    },
  })),
  brokenDriver(
    "hides-sessions-of-large-erases-for-good",
    "list-sessions/beside-a-large-erase",
    (base) =>
      class extends base {
        readonly #hidden = new Set<string>();

        protected override erase(session: Session): number {
          const erased = super.erase(session);
          if (erased > 1000) this.#hidden.add(session.session);
          return erased;
        }

        protected override isOfUser(record: Slot, query: SessionsQuery): boolean {
          return super.isOfUser(record, query) && !this.#hidden.has(record.session);
        }
      },
  ),
  listing("lists-sessions-by-utf-16", "list-sessions/order", (all, { after, limit, prefix = "" }) =>
    all
      .filter(({ session }) => session.startsWith(prefix))
      .toSorted((a, b) => (a.session < b.session ? -1 : 1))
      .filter(({ session }) => after === undefined || session > after)
      .slice(0, limit),
  ),
  listing("lists-the-session-it-goes-on-after", "list-sessions/after", (all, { after, limit, prefix = "" }) =>
    all
      .filter(({ session }) => session.startsWith(prefix) && (after === undefined || session >= after))
      .slice(0, limit),
  ),
  listing(
    "matches-sessions-like-sql",
    "list-sessions/prefix-literal",
    (all, { after = "", limit, prefix = "" }) =>
      all.filter(({ session }) => like(session, `${prefix}%`) && session > after).slice(0, limit),
  ),
  brokenDriver(
    "lists-users-like-sql",
    "list-sessions/one-user",
    (base) =>
      class extends base {
        protected override isOfUser(record: Slot, query: SessionsQuery): boolean {
          return like(record.user, query.user) && super.isOfUser({ ...record, user: query.user }, query);
        }
      },
  ),
  brokenStore("takes-own-state-for-a-session", "list-sessions/own-state-is-no-session", (store) => ({
    async listSessions(user, options) {
      const sessions = await store.listSessions(user, options);
      const own = userIdentity(user.tenant, user.user);
      return (await store.count(own, "")) > 0 ? [...sessions, own] : sessions;
    },
  })),
  brokenStore("takes-any-identity-for-its-user", "list-sessions/misuse", (store) => ({
    listSessions: ({ tenant, user }: UserIdentity, options?: SessionsOptions) =>
      store.listSessions({ tenant, user }, options),
  })),
];

/** Chooses from all sessions of a user in a way of its own. */
function listing(
  id: string,
  breaks: string,
  chosen: (all: readonly SessionIdentity[], options: SessionsOptions) => SessionIdentity[],
): Mutant {
  return brokenStore(id, breaks, (store: StateStore) => ({
    async listSessions(user, options = {}) {
      await store.listSessions(user, options);
      return chosen(await store.listSessions(user), options);
    },
  }));
}
