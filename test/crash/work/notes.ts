import type { NewRecord, StateStore } from "../../../src/index.js";
import type { Caller, Findings, Work } from "../load.js";
import { event, sessionOf } from "./records.js";

const SESSION = sessionOf("notes");

/** Each caller writes over a note of its own, without a condition: it reads what it wrote last, whatever is sent late. */
export class Notes implements Work {
  readonly #last = new Map<string, NewRecord>();

  async step({ number, store, random, findings, insist, commit }: Caller): Promise<void> {
    const kind = `note/${number}`;
    const last = this.#last.get(kind);
    if (last !== undefined && random.chance(0.25)) {
      const { eventId } = await insist(() => store.load(SESSION, kind));
      if (eventId !== last.eventId) findings.lost.push(`${kind} ${last.eventId}`);
      return;
    }
    if (last !== undefined && random.chance(0.1)) {
      const { duplicate } = await insist(() => store.save(last));
      if (!duplicate) findings.lost.push(`${kind} ${last.eventId}`);
      return;
    }
    const record = event(SESSION, kind, `written by ${number}`);
    await commit([{ op: "save", record }]);
    this.#last.set(kind, record);
  }

  async look(store: StateStore, findings: Findings): Promise<void> {
    for (const [kind, { eventId }] of this.#last) {
      const found = await store.find(SESSION, kind);
      if (found?.eventId !== eventId) findings.lost.push(`${kind} ${eventId}`);
      const byEvent = await store.loadByEventId(SESSION, eventId).catch(() => undefined);
      if (byEvent?.kind !== kind) findings.lost.push(`${eventId} by its id`);
    }
  }
}
