import fc from "fast-check";
import type { Change, Expect, Identity } from "../../src/contract/store.js";
import { userIdentity } from "../../src/identity/identity.js";
import { type ListQuery, type Place, placeOf, sessionOf } from "./model.js";

/** One thing asked of a store. `together` is asked of it all at once, so that it shares batches. */
export type Step =
  | { readonly ask: "commit"; readonly changes: readonly Change[] }
  | { readonly ask: "together"; readonly commits: readonly (readonly Change[])[] }
  | { readonly ask: "erase"; readonly identity: Identity; readonly prefix?: string }
  | { readonly ask: "wait" }
  | { readonly ask: "find"; readonly identity: Identity; readonly kind: string }
  | { readonly ask: "loadByEventId"; readonly identity: Identity; readonly eventId: string }
  | { readonly ask: "list"; readonly identity: Identity; readonly prefix: string; readonly query: ListQuery }
  | {
      readonly ask: "listKind";
      readonly tenant: string | undefined;
      readonly prefix: string;
      readonly after?: Place;
      readonly limit?: number;
    };

/** Few slots and ids, so that they meet. */
export interface World {
  /** All but the last are of one tenant. */
  readonly identities: readonly Identity[];
  readonly kinds: readonly string[];
  readonly eventIds: readonly string[];
}

const TENANTS = ["acme", "Acme", "acme/", "äcme", "ácme", "\u{1F600}", "\uFFFD", "a\\", "a\"b'c", "{a,b}"];
const NAMES = [
  "a",
  "A",
  "a%",
  "a_",
  "a ",
  " a",
  "a\u0001",
  "a\t\n",
  "null",
  "\u{10FFFF}",
  "\uE000",
  "a\\",
  'a"',
  "a'",
];
const KINDS = [
  ...[
    "k",
    "K",
    "k/",
    "k/a",
    "k/a/b",
    "k%",
    "k_",
    "k ",
    "k\u0001",
    "k\uD7FF",
    "k\uE000",
    "k\uFFFF",
    "k\u{10000}",
  ],
  ...[
    "k\u{10FFFF}",
    "k\u{10FFFF}a",
    "k\u{1F600}",
    "ké",
    "ké",
    "k\\",
    "k'",
    'k"',
    "k,",
    "k{}",
    "l",
    "NULL",
    "%",
  ],
];
const EVENTS = [
  "1",
  "2",
  "10",
  "a",
  "A",
  "\u{1F600}",
  "\uFFFF",
  "e'",
  "e\\",
  'e"',
  "NULL",
  "e\n",
  " ",
  "é",
  "é",
];

/** What prefixes and places are made of beside the kinds themselves. */
const EDGES = ["", "k", "k/", "%", "_", "K", "k\u{10FFFF}", "\u{10FFFF}", "k\uD7FF", "é"];

const some = <T>(pool: readonly T[], count: number) =>
  fc.shuffledSubarray([...pool], { minLength: count, maxLength: count });

/** Tenants carry `mark`, so that runs share a database and no tenant. */
export function worlds(mark: () => string): fc.Arbitrary<World> {
  return fc
    .tuple(
      some(TENANTS, 2),
      some(NAMES, 2),
      some(NAMES, 2),
      fc.constantFrom("r", "%", "\u{1F600}", "r\\"),
      some(KINDS, 5),
      some(EVENTS, 7),
    )
    .map(([[one, two], [user, other], [session, another], run, kinds, eventIds]) => {
      const tenant = `${one}${mark()}`;
      const first = { tenant, user: user as string, session: session as string };
      return {
        identities: [
          first,
          { ...first, run },
          { ...first, session: another as string },
          { ...first, user: other as string },
          userIdentity(tenant, first.user),
          { ...first, tenant: `${two}${mark()}` },
        ],
        kinds,
        eventIds,
      };
    });
}

export interface Script {
  readonly world: World;
  readonly steps: readonly Step[];
}

/** A world, and what is asked in it; `phases` times, with the window passing in between. */
export function scripts(mark: () => string, length: number, phases = 1): fc.Arbitrary<Script> {
  return worlds(mark).chain((world) => {
    const phase = fc.array(drafts(world), { minLength: 1, maxLength: length, size: "max" });
    return fc.tuple(...Array<typeof phase>(phases).fill(phase)).map((drafted) => {
      const steps = drafted.flatMap((some, index) => (index > 0 ? [WAIT, ...some] : some));
      return { world, steps: withRetries(steps) };
    });
  });
}

const WAIT: Step = { ask: "wait" };

type Retry = { readonly ask: "retry"; readonly back: number; readonly also: Change | undefined };

function drafts(world: World): fc.Arbitrary<Step | Retry> {
  const identity = fc.constantFrom(...world.identities);
  const commit = commits(world);
  const prefix = fc.constantFrom(...EDGES, ...world.kinds);
  const kind = fc.constantFrom(...EDGES.filter((edge) => edge !== ""), ...world.kinds);
  const limit = fc.integer({ min: 1, max: 4 });
  const query = fc.record({ after: kind, before: kind, limit, reverse: fc.boolean() }, { requiredKeys: [] });
  const eventId = fc.constantFrom(...world.eventIds);
  const tenant = fc.constantFrom(...world.identities.map(({ tenant }) => tenant), undefined);
  const place = fc.record({ identity, kind });
  return fc.oneof(
    { weight: 12, arbitrary: commit.map((changes): Step => ({ ask: "commit", changes })) },
    {
      weight: 3,
      arbitrary: fc
        .array(commit, { minLength: 2, maxLength: 8 })
        .map((commits): Step => ({ ask: "together", commits })),
    },
    {
      weight: 5,
      arbitrary: fc
        .tuple(
          fc.nat(10),
          fc.option(
            commit.map(([change]) => change),
            { nil: undefined },
          ),
        )
        .map(([back, also]): Retry => ({ ask: "retry", back, also })),
    },
    { weight: 1, arbitrary: fc.record({ ask: fc.constant("erase" as const), identity }) },
    { weight: 1, arbitrary: fc.record({ ask: fc.constant("erase" as const), identity, prefix }) },
    { weight: 2, arbitrary: fc.record({ ask: fc.constant("loadByEventId" as const), identity, eventId }) },
    { weight: 3, arbitrary: fc.record({ ask: fc.constant("list" as const), identity, prefix, query }) },
    {
      weight: 2,
      arbitrary: fc.record(
        { ask: fc.constant("listKind" as const), tenant, prefix: kind, after: place, limit },
        { requiredKeys: ["ask", "tenant", "prefix"] },
      ),
    },
  );
}

/** One to five changes of one tenant, no slot and no event id twice, nothing of what another one erases. */
function commits(world: World): fc.Arbitrary<readonly Change[]> {
  const identity = fc.constantFrom(...world.identities);
  const place = fc.record({ identity, kind: fc.constantFrom(...world.kinds) });
  const eventId = fc.constantFrom(...world.eventIds);
  const expect = fc.option(eventId, { nil: null, freq: 2 });
  const record = fc.record({
    eventId,
    version: fc.constantFrom(0, 1, Number.MAX_SAFE_INTEGER),
    bytes: fc.constantFrom("", "x", "\0\uFFFF").map((text) => Buffer.from(text)),
    updatedAt: fc.constantFrom(-62_135_596_800_000, 0, 253_402_300_799_999).map((time) => new Date(time)),
  });
  const maybe = (expect: Expect | undefined) => (expect === undefined ? {} : { expect });
  const change: fc.Arbitrary<Change> = fc.oneof(
    {
      weight: 5,
      arbitrary: fc.tuple(place, record, fc.option(expect, { nil: undefined, freq: 1 })).map(
        ([place, record, expect]): Change => ({
          op: "save",
          record: { ...place, ...record },
          ...maybe(expect),
        }),
      ),
    },
    {
      weight: 2,
      arbitrary: fc
        .tuple(place, fc.option(expect, { nil: undefined, freq: 1 }))
        .map(([place, expect]): Change => ({ op: "delete", ...place, ...maybe(expect) })),
    },
    {
      weight: 1,
      arbitrary: fc
        .tuple(place, expect)
        .map(([place, expect]): Change => ({ op: "check", ...place, expect })),
    },
    {
      weight: 1,
      arbitrary: identity.map(
        (identity): Change => ({ op: "erase", identity: sessionOf(identity), ownState: true }),
      ),
    },
  );
  return fc.array(change, { minLength: 1, maxLength: 5 }).map(lawful);
}

/** Without what would make the commit one that may not be asked for. */
function lawful(changes: readonly Change[]): readonly Change[] {
  const kept: Change[] = [];
  for (const change of changes) {
    const clashes = kept.some((other) => {
      const [one, two] = [placeOf(change), placeOf(other)];
      if (one.identity.tenant !== two.identity.tenant) return true;
      if (JSON.stringify(placeKey(one)) === JSON.stringify(placeKey(two))) return true;
      if (erases(change, two) || erases(other, one)) return true;
      return change.op === "save" && other.op === "save" && change.record.eventId === other.record.eventId;
    });
    if (!clashes) kept.push(change);
  }
  return kept;
}

/** Whether the change erases what is in this place. */
function erases(change: Change, place: Place): boolean {
  if (change.op !== "erase") return false;
  if (!("prefix" in change)) return sessionKey(change) === sessionKey(place);
  const [own, other] = [placeKey({ ...change, kind: "" }), placeKey({ ...place, kind: "" })];
  return JSON.stringify(own) === JSON.stringify(other) && place.kind.startsWith(change.prefix);
}

function sessionKey({ identity: { tenant, user, session } }: Pick<Place, "identity">): string {
  return JSON.stringify([tenant, user, session]);
}

function placeKey({ identity, kind }: Place): readonly unknown[] {
  return [identity.tenant, identity.user, identity.session, identity.run ?? "", kind];
}

/** Puts earlier commits in the place of retries: as they were, or with one more change, which makes a partial replay. */
function withRetries(steps: readonly (Step | Retry)[]): readonly Step[] {
  const made: (readonly Change[])[] = [];
  return steps.flatMap((step): Step[] => {
    if (step.ask === "together") made.push(...step.commits);
    if (step.ask === "commit") made.push(step.changes);
    if (step.ask !== "retry") return [step];
    const earlier = made.at(-1 - step.back);
    if (earlier === undefined) return [];
    return [{ ask: "commit", changes: step.also ? lawful([...earlier, step.also]) : earlier }];
  });
}
