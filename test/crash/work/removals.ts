import { setTimeout as sleep } from "node:timers/promises";
import { isStateError, type NewRecord, type StateStore } from "../../../src/index.js";
import type { Caller, Findings, Work } from "../load.js";
import { event, sessionOf } from "./records.js";

const SESSION = sessionOf("removals");

/** Each caller fills a slot of its own and empties it: what was deleted stays deleted, whatever is sent late. */
export class Removals implements Work {
  readonly #last = new Map<string, string | undefined>();

  async step(caller: Caller): Promise<void> {
    const { number, store, findings, insist, commit } = caller;
    const kind = `slot/${number}`;
    const record = event(SESSION, kind, "to be deleted");
    await commit([{ op: "save", record }]);
    this.#last.set(kind, record.eventId);
    if (!(await this.#removed(caller, record))) return;
    this.#last.set(kind, undefined);
    const found = await insist(() => store.find(SESSION, kind));
    if (found !== undefined) findings.lost.push(`the delete of ${kind}`);
  }

  async look(store: StateStore, findings: Findings): Promise<void> {
    for (const [kind, eventId] of this.#last) {
      const found = await store.find(SESSION, kind);
      if (found?.eventId !== eventId) findings.lost.push(`${kind} ${eventId ?? "is empty"}`);
    }
  }

  async #removed(caller: Caller, { kind, eventId }: NewRecord): Promise<boolean> {
    const { store, random, findings, call } = caller;
    for (;;) {
      try {
        if (!(await call(() => store.delete(SESSION, kind, { expect: eventId }))))
          findings.lost.push(eventId);
        return true;
      } catch (error) {
        if (isStateError(error, "OUTCOME_UNKNOWN")) return this.#settled(caller, kind, eventId);
        if (isStateError(error, "CONDITION_FAILED")) {
          findings.untrue.push(`${kind} was gone before it was deleted`);
          return true;
        }
        if (!isStateError(error, "UNAVAILABLE")) throw error;
        await sleep(random.below(20));
      }
    }
  }

  /** A write on the same condition leaves a delete without an answer no more chance, and tells what became of it. */
  async #settled({ commit }: Caller, kind: string, eventId: string): Promise<boolean> {
    const record = event(SESSION, kind, "still there");
    const wasThere = await commit([{ op: "save", record, expect: eventId }]);
    if (wasThere) this.#last.set(kind, record.eventId);
    return !wasThere;
  }
}
