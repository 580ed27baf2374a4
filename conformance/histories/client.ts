import { type Change, type Expect, isStateError, type StateStore } from "../../src/index.js";
import type { ClientStep, Draft } from "./client-plan.js";
import { clock } from "./clock.js";
import { type Call, codeOf } from "./history.js";
import { type Place, placeOf, type Seen, sessionOf } from "./model.js";
import { perform } from "./perform.js";
import type { Step } from "./step.js";

/** A store as one client has it. */
export interface Seat {
  ask(step: Step): Promise<unknown>;
  /** When the store's own process was asked last, and had answered, where that is another. */
  readonly times?: () => readonly [began: number, ended: number] | undefined;
}

export function seatAt(store: StateStore): Seat {
  return { ask: (step) => perform(store, step) };
}

/** What the clients of one history share. */
export interface Table {
  readonly places: readonly Place[];
  /** By number, in the order in which they were made. */
  readonly calls: Map<number, Call>;
  /** Every commit that was made, the latest last. */
  readonly commits: (readonly Change[])[];
}

/** One caller, who asks one thing after another, and goes by what it was told. */
export class Client {
  readonly #name: string;
  readonly #seat: Seat;
  readonly #table: Table;
  /** Of each slot, what was current when it last heard of it, and what before that. */
  readonly #saw = new Map<string, readonly [now: Expect, before: Expect]>();
  #events = 0;

  constructor(name: string, seat: Seat, table: Table) {
    this.#name = name;
    this.#seat = seat;
    this.#table = table;
  }

  async make(planned: ClientStep): Promise<void> {
    const step = this.#stepOf(planned);
    if (step === undefined) return;
    const isKnown = await this.#ask(step);
    const hasIds = step.ask === "commit" && step.changes.some(({ op }) => op === "save");
    if (!isKnown && hasIds) await this.#ask(step);
  }

  #stepOf(planned: ClientStep): Step | undefined {
    switch (planned.do) {
      case "commit":
        return this.#commit(planned.changes.map((draft) => this.#change(draft)));
      case "again":
        return this.#again(planned);
      case "find":
        return { ask: "find", ...this.#place(planned.place) };
      case "list":
        return { ask: "list", identity: this.#place(planned.place).identity, prefix: "", query: {} };
      case "scan": {
        const { identity, kind } = this.#place(planned.place);
        return { ask: "listKind", tenant: identity.tenant, prefix: kind };
      }
      case "count":
        return { ask: "count", identity: this.#place(planned.place).identity, prefix: "", query: {} };
      case "erase":
        return { ask: "erase", identity: sessionOf(this.#place(planned.place).identity) };
      case "erase a prefix": {
        const { identity, kind } = this.#place(planned.place);
        return { ask: "erase", identity, prefix: kind };
      }
      case "load an event": {
        const save = this.#table.commits.at(-1 - planned.back)?.find((change) => change.op === "save");
        return save && { ask: "loadByEventId", identity: save.record.identity, eventId: save.record.eventId };
      }
    }
  }

  #again({ back, with: what }: Extract<ClientStep, { do: "again" }>): Step | undefined {
    const earlier = this.#table.commits.at(-1 - back);
    if (earlier === undefined || what === "nothing new")
      return earlier && { ask: "commit", changes: earlier };
    if (what === "other bytes") return { ask: "commit", changes: earlier.map(withOtherBytes) };
    if (what === "elsewhere") return this.#elsewhere(earlier);
    const taken = new Set(earlier.map((change) => keyOf(placeOf(change))));
    const place = this.#table.places.findIndex((place) => !taken.has(keyOf(place)));
    if (place < 0) return undefined;
    return this.#commit([...earlier, this.#change({ op: "save", place, expect: "anything" })]);
  }

  /** A save under an event id that somebody else has saved, or is saving at this moment, in another session. */
  #elsewhere(earlier: readonly Change[]): Step | undefined {
    const save = earlier.find((change) => change.op === "save");
    if (save === undefined) return undefined;
    const { session } = save.record.identity;
    const place = this.#table.places.find(({ identity }) => identity.session !== session) as Place;
    return { ask: "commit", changes: [{ op: "save", record: { ...save.record, ...place } }] };
  }

  #commit(changes: readonly Change[]): Step {
    this.#table.commits.push(changes);
    return { ask: "commit", changes };
  }

  #change({ op, place: index, expect: wanted }: Draft): Change {
    const place = this.#place(index);
    const expect = this.#expectation(wanted, place);
    if (op === "check") return { op, ...place, expect: expect ?? null };
    const condition = expect === undefined ? {} : { expect };
    if (op === "delete") return { op, ...place, ...condition };
    const eventId = `${this.#name}${++this.#events}`;
    return {
      op,
      record: { ...place, eventId, bytes: bytesOf(eventId), updatedAt: new Date(0) },
      ...condition,
    };
  }

  #expectation(wanted: Draft["expect"], place: Place): Expect | undefined {
    const [now, before] = this.#saw.get(keyOf(place)) ?? [null, null];
    return { anything: undefined, nothing: null, "what it saw": now, "what it saw before": before }[wanted];
  }

  /** False when the outcome is not known. */
  async #ask(step: Step): Promise<boolean> {
    const { calls } = this.#table;
    const number = calls.size;
    const call = { client: this.#name, step, began: clock() };
    calls.set(number, call);
    const answer = await told(this.#seat.ask(step));
    const here = [call.began, clock()] as const;
    const code = codeOf(answer);
    if (code === "OUTCOME_UNKNOWN") return false;
    const [began, ended] = this.#seat.times?.() ?? here;
    calls.set(number, { ...call, began, ended, answer });
    this.#learn(step, answer);
    return true;
  }

  #learn(step: Step, answer: unknown): void {
    const code = codeOf(answer);
    if (code === "CONDITION_FAILED") {
      const { details } = answer as { details: Place & { current: Expect } };
      this.#see(details, details.current);
    }
    if (code !== undefined) return;
    if (step.ask === "find") this.#see(step, (answer as Seen | null)?.eventId ?? null);
    if (step.ask === "list" || step.ask === "listKind")
      for (const record of answer as readonly Seen[]) this.#see(record, record.eventId);
    if (step.ask !== "commit") return;
    for (const change of step.changes) {
      if (change.op === "save") this.#see(change.record, change.record.eventId);
      if (change.op === "delete") this.#see(change, null);
    }
  }

  #see(place: Place, current: Expect): void {
    const [before] = this.#saw.get(keyOf(place)) ?? [null];
    if (before !== current) this.#saw.set(keyOf(place), [current, before]);
  }

  #place(index: number): Place {
    return this.#table.places[index] as Place;
  }
}

/** What it answers, a code in place of an error. */
async function told(performed: Promise<unknown>): Promise<unknown> {
  try {
    return await performed;
  } catch (error) {
    if (!isStateError(error)) throw error;
    return { code: error.code, details: error.details };
  }
}

function withOtherBytes(change: Change): Change {
  if (change.op !== "save") return change;
  return { ...change, record: { ...change.record, bytes: bytesOf(`${change.record.eventId} again`) } };
}

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text));
}

function keyOf({ identity, kind }: Place): string {
  return JSON.stringify([identity.session, identity.run, kind]);
}
