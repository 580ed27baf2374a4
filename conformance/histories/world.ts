import { type Identity, LIMITS, userIdentity } from "../../src/index.js";
import { CONFUSIONS, SEPARATORS } from "../inputs/hostile-names.js";
import type { Choices } from "./choices.js";

/** Few slots and ids, so that they meet, under names that a storage may confuse. */
export interface World {
  /** All but the last are of one tenant. */
  readonly identities: readonly Identity[];
  readonly kinds: readonly string[];
  readonly eventIds: readonly string[];
}

const TENANTS = ["acme", "Acme", "acme/", "äcme", "ácme", "\u{1F600}", "\uFFFD", "a\\", "a\"b'c", "{a,b}"];
const NAMES = ["a", "A", "a%", "a_", "a ", " a", "a\u0001", "a\t\n", "null", "\u{10FFFF}", "\uE000", "a\\"];
const RUNS = ["r", "%", "\u{1F600}", "r\\"];
const KINDS = [
  ...["k", "K", "k/", "k/a", "k/a/b", "k%", "k_", "k ", "k\u0001", "k\uD7FF", "k\uE000", "k\uFFFF"],
  ...[
    "k\u{10000}",
    "k\u{10FFFF}",
    "k\u{10FFFF}a",
    "k\u{1F600}",
    "k\u00e9",
    "ke\u0301",
    "k\\",
    "k'",
    'k"',
    "k,",
  ],
  ...["k{}", "l", "NULL", "%"],
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
].concat("\u00e9", "e\u0301");

/** What prefixes and bounds are made of beside the kinds themselves. */
export const EDGES = ["", "k", "k/", "%", "_", "K", "k\u{10FFFF}", "\u{10FFFF}", "k\uD7FF", "\u00e9"];

const GROUPS = Object.values(CONFUSIONS);

/** Tenants carry `mark`, so that histories share a space and no tenant. */
export function worldOf(choices: Choices, mark: string): World {
  const [one, two] = choices
    .some(poolOf(choices, TENANTS), GROUPS.length)
    .filter((name) => fits(`${name}${mark}`, LIMITS.nameBytes))
    .concat(TENANTS) as [string, string];
  const [user, other] = choices.some(poolOf(choices, NAMES), 2) as [string, string];
  const [session, another] = choices.some(poolOf(choices, NAMES), 2) as [string, string];
  const tenant = `${one}${mark}`;
  const first = { tenant, user, session };
  const apart: World = {
    identities: [
      first,
      { ...first, run: choices.of(poolOf(choices, RUNS)) },
      { ...first, session: another },
      { ...first, user: other },
      userIdentity(tenant, user),
      { ...first, tenant: `${two}${mark}` },
    ],
    kinds: kindsOf(choices),
    eventIds: [...new Set([...choices.some(poolOf(choices, EVENTS), 7).filter(isEventId), ...EVENTS])].slice(
      0,
      7,
    ),
  };
  return choices.isOneIn(3) ? joined(apart, another, choices.of(SEPARATORS)) : apart;
}

/** Names that are the same when they are joined: tenant and user, user and session, tenant and event id. */
function joined(world: World, last: string, joint: string): World {
  const [first, ofRun, , , ofUser] = world.identities as readonly [
    Identity,
    Identity,
    Identity,
    Identity,
    Identity,
  ];
  const { tenant, user, session } = first;
  const identities: readonly Identity[] = [
    ...[first, ofRun],
    { tenant, user: `${user}${joint}${session}`, session: last },
    { tenant, user, session: `${session}${joint}${last}` },
    ofUser,
    { tenant: `${tenant}${joint}${user}`, user: session, session: last },
  ];
  const names = identities.flatMap((identity) => [identity.tenant, identity.user, identity.session]);
  if (!names.every((name) => fits(name, LIMITS.nameBytes))) return world;
  const [id = "", ...others] = world.eventIds;
  const joinedId = `${user}${joint}${id}`;
  const eventIds = [...new Set([id, joinedId, ...others])].filter(isEventId).slice(0, 7);
  return { ...world, identities, eventIds };
}

/** Some of which begin with another one. */
function kindsOf(choices: Choices): readonly string[] {
  const some = choices.some(poolOf(choices, KINDS).concat(KINDS), 4);
  const longer = `${choices.of(some)}${choices.isOneIn(2) ? "/" : choices.of(SEPARATORS)}${choices.of(some)}`;
  return fits(longer, LIMITS.kindBytes) ? [...new Set([...some, longer])] : some;
}

/** Names for one role: now and then from one group of those that are confused with each other. */
function poolOf(choices: Choices, usual: readonly string[]): readonly string[] {
  return choices.isOneIn(2) ? usual : choices.of(GROUPS);
}

function isEventId(text: string): boolean {
  return fits(text, LIMITS.eventIdBytes);
}

function fits(text: string, most: number): boolean {
  return Buffer.byteLength(text) <= most;
}
