import { isStateError, type NewRecord, type StateStore } from "../../../src/index.js";
import type { Caller, Findings, Work } from "../load.js";
import { event, everyRecord, sessionOf } from "./records.js";

const SESSION = sessionOf("attempts");
const MOST_RECORDS = 4;

type Told = "done" | "not written" | "unknown";

/** Commits that are made once and never again: what their callers are told must be true. */
export class Attempts implements Work {
  readonly #made: { readonly records: readonly NewRecord[]; readonly told: Told }[] = [];
  readonly #bytes: number;

  /** Each record of so many bytes. */
  constructor(bytes = 20) {
    this.#bytes = bytes;
  }

  count(told: Told): number {
    return this.#made.filter((attempt) => attempt.told === told).length;
  }

  async step({ random, commitOnce }: Caller): Promise<void> {
    const text = "x".repeat(this.#bytes);
    const records = Array.from({ length: 1 + random.below(MOST_RECORDS) }, () => {
      const record = event(SESSION, "", text);
      return { ...record, kind: record.eventId };
    });
    let told: Told = "done";
    try {
      await commitOnce(records.map((record) => ({ op: "save", record })));
    } catch (error) {
      told = toldBy(error);
    }
    this.#made.push({ records, told });
  }

  async look(store: StateStore, findings: Findings): Promise<void> {
    const found = new Set((await everyRecord(store, SESSION)).map(({ eventId }) => eventId));
    for (const { records, told } of this.#made) {
      const ids = records.map(({ eventId }) => eventId);
      const there = ids.filter((id) => found.has(id)).length;
      if (there > 0 && there < ids.length) findings.torn.push(`${there} of ${ids.join(", ")}`);
      if (there === 0 && told === "done") findings.lost.push(...ids);
      if (there > 0 && told === "not written") findings.untrue.push(...ids);
    }
  }
}

function toldBy(error: unknown): Told {
  if (isStateError(error, "UNAVAILABLE")) return "not written";
  if (isStateError(error, "OUTCOME_UNKNOWN")) return "unknown";
  throw error;
}
