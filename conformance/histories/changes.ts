import type { Change, Expect, Identity } from "../../src/index.js";
import type { Choices } from "./choices.js";
import { type Place, placeOf, sessionOf } from "./model.js";
import type { World } from "./world.js";

const PAYLOADS = ["", "x", "\0\uFFFF", "0123456789abcdef".repeat(20)];
const VERSIONS = [0, 1, Number.MAX_SAFE_INTEGER];
const TIMES = [-62_135_596_800_000, 0, 253_402_300_799_999];

/** One to five changes of one tenant, no slot and no event id twice, nothing of what another one erases. */
export function commitOf(choices: Choices, world: World): readonly Change[] {
  return lawful(Array.from({ length: choices.between(1, 5) }, () => changeOf(choices, world)));
}

export function changeOf(choices: Choices, world: World): Change {
  const place = placeIn(choices, world);
  const expect = (): Expect => (choices.isOneIn(3) ? null : choices.of(world.eventIds));
  const maybe = () => (choices.isOneIn(2) ? { expect: expect() } : {});
  return choices.weighted<Change>([
    [
      10,
      () => ({
        op: "save",
        record: {
          ...place,
          eventId: choices.of(world.eventIds),
          version: choices.of(VERSIONS),
          bytes: Uint8Array.from(Buffer.from(choices.of(PAYLOADS))),
          updatedAt: new Date(choices.of(TIMES)),
        },
        ...maybe(),
      }),
    ],
    [4, () => ({ op: "delete", ...place, ...maybe() })],
    [2, () => ({ op: "check", ...place, expect: expect() })],
    [1, () => ({ op: "erase", identity: sessionOf(place.identity), ownState: true })],
    [1, () => ({ op: "erase", identity: place.identity, prefix: place.kind, ownState: true })],
  ]);
}

export function placeIn(choices: Choices, world: World): Place {
  return { identity: choices.of(world.identities), kind: choices.of(world.kinds) };
}

/** Without what would make the commit one that may not be asked for. */
export function lawful(changes: readonly Change[]): readonly Change[] {
  const kept: Change[] = [];
  for (const change of changes) if (!kept.some((other) => clash(change, other))) kept.push(change);
  return kept;
}

function clash(change: Change, other: Change): boolean {
  const [one, two] = [placeOf(change), placeOf(other)];
  if (one.identity.tenant !== two.identity.tenant) return true;
  if (keyOf(one) === keyOf(two)) return true;
  if (erases(change, two) || erases(other, one)) return true;
  return change.op === "save" && other.op === "save" && change.record.eventId === other.record.eventId;
}

/** Whether the change erases what is in this place. */
function erases(change: Change, place: Place): boolean {
  if (change.op !== "erase") return false;
  if (!("prefix" in change)) return sessionKey(change.identity) === sessionKey(place.identity);
  return ownerKey(change.identity) === ownerKey(place.identity) && place.kind.startsWith(change.prefix);
}

function sessionKey({ tenant, user, session }: Identity): string {
  return JSON.stringify([tenant, user, session]);
}

function ownerKey(identity: Identity): string {
  return JSON.stringify([sessionKey(identity), identity.run ?? ""]);
}

function keyOf({ identity, kind }: Place): string {
  return JSON.stringify([ownerKey(identity), kind]);
}
