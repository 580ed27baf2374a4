import { type Random, seeded } from "../../conformance/inputs/seeded.js";
import type { Expect, Identity, RecordKey, SessionIdentity, StateRecord } from "../../src/contract/store.js";
import { bytesOf } from "./sqlite-ask.mjs";

/** A change as plain data: what a saved record holds follows from its event id and size. */
export type PlainChange = RecordKey &
  (
    | { readonly op: "save"; readonly eventId: string; readonly version: number; readonly size: number }
    | { readonly op: "delete" | "check" }
  ) & { readonly expect?: Expect };

/** What a lane asks of the store at one time. */
export interface Step {
  /** One change is asked for by `save` or `delete`, more by `commit`. */
  readonly changes?: readonly PlainChange[];
  readonly erase?: SessionIdentity;
  /** A condition of it does not hold. */
  readonly refused: boolean;
  /** How many turns of the event loop to wait first, so that batches differ. */
  readonly pause: number;
}

/** What is current in the slots of a lane, as one text. */
export type ScriptState = string;

/**
 * Steps that are asked for one after the other, each when the one before was answered, in slots of their own: so the
 * slots stand as they did after the last answered step or after the one behind it, and in no other way.
 */
export interface Script {
  readonly name: string;
  readonly steps: readonly Step[];
  /** One more than there are steps. */
  readonly states: readonly ScriptState[];
}

export interface ScriptOptions {
  readonly steps: number;
  /** Of a record's payload; few are as large. */
  readonly largest: number;
}

export const TENANT = "acme";
/** The session of every lane that is erased now and then. */
const ERASED = "erased";

type Current = ReadonlyMap<RecordKey, string>;

export function makeScript(name: string, seed: number, { steps: count, largest }: ScriptOptions): Script {
  const places = placesOf(name);
  const random = seeded(seed);
  const steps: Step[] = [];
  let current: Current = new Map();
  const states = [stateOf(current)];
  for (let number = 0; number < count; number++) {
    const step = new Draft(random, places, current, `${name}.${number}`, largest).step();
    steps.push(step);
    current = after(step, places, current);
    states.push(stateOf(current));
  }
  return { name, steps, states };
}

/** The lane a record belongs to, by name. */
export function laneOf({ identity }: RecordKey): string {
  return identity.user;
}

/** The state that some records of one lane make up. */
export function stateOfRecords(records: readonly StateRecord[]): ScriptState {
  return stateOf(new Map(records.map((record) => [record, record.eventId])));
}

function stateOf(current: Current): ScriptState {
  const texts = [...current].map(
    ([
      {
        identity: { session, run = "" },
        kind,
      },
      eventId,
    ]) => {
      return `${session}/${run}/${kind}=${eventId}`;
    },
  );
  return texts.sort().join(" ");
}

/** Whether the record holds what its event id stands for. */
export function isWhole(record: StateRecord, { steps }: Script): boolean {
  const [, number] = record.eventId.split(".");
  const asked = steps[Number(number)]?.changes?.find(
    (change) => change.op === "save" && change.eventId === record.eventId,
  );
  if (asked?.op !== "save") return false;
  return asked.version === record.version && bytesOf(record.eventId, asked.size).equals(record.bytes);
}

/** Two sessions of a user who is the lane's own, one of them with a run. */
function placesOf(name: string): readonly RecordKey[] {
  const session = (session: string, run?: string): Identity => {
    return { tenant: TENANT, user: name, session, ...(run ? { run } : {}) };
  };
  return [
    { identity: session("kept"), kind: "k/a" },
    { identity: session("kept"), kind: "k/b" },
    { identity: session("kept", "r"), kind: "k/a" },
    { identity: session(ERASED), kind: "k/a" },
    { identity: session(ERASED), kind: "k/b" },
    { identity: session(ERASED, "r"), kind: "k/c" },
  ];
}

function after(
  { changes = [], erase, refused }: Step,
  places: readonly RecordKey[],
  before: Current,
): Current {
  if (refused) return before;
  const current = new Map(before);
  for (const place of places) if (erase && place.identity.session === erase.session) current.delete(place);
  for (const change of changes) {
    const place = places.find(({ identity, kind }) => identity === change.identity && kind === change.kind);
    if (change.op === "save") current.set(place as RecordKey, change.eventId);
    if (change.op === "delete") current.delete(place as RecordKey);
  }
  return current;
}

/** One step in the making. */
class Draft {
  readonly #random: Random;
  readonly #places: readonly RecordKey[];
  readonly #current: Current;
  readonly #name: string;
  readonly #largest: number;
  #saves = 0;

  constructor(random: Random, places: readonly RecordKey[], current: Current, name: string, largest: number) {
    this.#random = random;
    this.#places = places;
    this.#current = current;
    this.#name = name;
    this.#largest = largest;
  }

  step(): Step {
    const pause = this.#random(3);
    const taken = this.#one([...this.#current.keys()]);
    const roll = this.#random(10);
    if (roll === 0 && taken?.identity.session === ERASED) {
      const { tenant, user, session } = taken.identity;
      return { erase: { tenant, user, session }, refused: false, pause };
    }
    if (roll === 1) return { changes: [this.#refused()], refused: true, pause };
    if (roll === 2 && taken) return { changes: [this.#delete(taken)], refused: false, pause };
    if (roll < 6) return { changes: this.#commit(), refused: false, pause };
    return { changes: [this.#save(this.#any())], refused: false, pause };
  }

  #commit(): readonly PlainChange[] {
    const first = this.#any();
    const others = this.#places.filter((place) => place !== first && this.#random(2) === 0);
    const more = others.map((place): PlainChange => {
      const kind = this.#random(4);
      if (kind === 0) return { op: "check", ...place, expect: this.#current.get(place) ?? null };
      if (kind === 1 && this.#current.has(place)) return this.#delete(place);
      return this.#save(place);
    });
    return [this.#save(first), ...more];
  }

  #save(place: RecordKey): PlainChange {
    return { ...this.#record(place), ...this.#maybe(this.#current.get(place) ?? null) };
  }

  #delete(place: RecordKey): PlainChange {
    return { op: "delete", ...place, ...this.#maybe(this.#current.get(place) as string) };
  }

  /** A save that expects what is not there. */
  #refused(): PlainChange {
    const place = this.#any();
    return {
      ...this.#record(place),
      expect: this.#current.has(place) && this.#random(2) === 0 ? null : "never",
    };
  }

  #record(place: RecordKey) {
    const size = this.#random(this.#random(4) === 0 ? this.#largest : 300);
    const eventId = `${this.#name}.${this.#saves++}`;
    return { op: "save" as const, ...place, eventId, version: this.#random(1_000), size };
  }

  #maybe(expect: Expect): { expect?: Expect } {
    return this.#random(2) === 0 ? { expect } : {};
  }

  #any(): RecordKey {
    return this.#one(this.#places) as RecordKey;
  }

  #one<T>(some: readonly T[]): T | undefined {
    return some[this.#random(some.length)];
  }
}
