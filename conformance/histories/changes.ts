import type { Change, Expect, Identity, NewRecord } from "../../src/index.js";
import type { Choices } from "./choices.js";
import { type Model, type Place, placeOf, sessionOf } from "./model.js";
import type { World } from "./world.js";

const PAYLOADS = ["", "x", "\0\uFFFF", "0123456789abcdef".repeat(20)];
const VERSIONS = [0, 1, Number.MAX_SAFE_INTEGER];
const TIMES = [-62_135_596_800_000, 0, 253_402_300_799_999];

/** Makes commits for a history, with what it has come to. */
export class ChangeMaker {
  readonly #choices: Choices;
  readonly #world: World;
  readonly #model: Model;
  #fresh = 0;

  /** The model has taken part in everything so far. */
  constructor(choices: Choices, world: World, model: Model) {
    this.#choices = choices;
    this.#world = world;
    this.#model = model;
  }

  /** One to five changes of one tenant, no slot and no event id twice, nothing of what another one erases. */
  commit(): readonly Change[] {
    return lawful(Array.from({ length: this.#choices.between(1, 5) }, () => this.change()));
  }

  change(): Change {
    const choices = this.#choices;
    const place = this.place();
    return choices.weighted<Change>([
      [30, () => ({ op: "save", record: this.#record(place), ...this.#condition(place) })],
      [6, () => ({ op: "delete", ...place, ...this.#condition(place) })],
      [3, () => ({ op: "check", ...place, expect: this.#expectation(place) })],
      [1, () => ({ op: "erase", identity: sessionOf(place.identity), ownState: true })],
      [1, () => ({ op: "erase", identity: place.identity, prefix: place.kind, ownState: true })],
    ]);
  }

  /** Half of them of the first identity, so that some have several records. */
  place(): Place {
    const { identities, kinds } = this.#world;
    const identity = this.#choices.isOneIn(3) ? (identities[0] as Identity) : this.#choices.of(identities);
    return { identity, kind: this.#choices.of(kinds) };
  }

  #record(place: Place): NewRecord {
    const choices = this.#choices;
    return {
      ...place,
      eventId: choices.isOneIn(2) ? `new ${++this.#fresh}` : choices.of(this.#world.eventIds),
      version: choices.of(VERSIONS),
      bytes: Uint8Array.from(Buffer.from(choices.of(PAYLOADS))),
      updatedAt: new Date(choices.of(TIMES)),
    };
  }

  #condition(place: Place): { readonly expect?: Expect } {
    return this.#choices.isOneIn(3) ? { expect: this.#expectation(place) } : {};
  }

  /** Most often what is there: of several conditions all have to hold. */
  #expectation({ identity, kind }: Place): Expect {
    const choices = this.#choices;
    if (!choices.isOneIn(4)) return this.#model.find(identity, kind)?.eventId ?? null;
    return choices.isOneIn(3) ? null : choices.of(this.#world.eventIds);
  }
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
