import { type Identity, isStateError, type StateStore } from "../../../src/index.js";
import type { Caller, Findings, Work } from "../load.js";
import { event, everyRecord, sessionOf, textOf } from "./records.js";

const JOURNALS = 2;
const LOOK_BACK = 20;

/** Journals that many append to, an entry and the head in one commit: each entry is in one of them, once, in a line without a gap. */
export class Journals implements Work {
  readonly #appended = new Set<string>();
  readonly #freshIds: boolean;
  #made = 0;

  /** With `freshIds`, wrong on purpose: an append without an answer is made again as if it were another. */
  constructor({ freshIds = false } = {}) {
    this.#freshIds = freshIds;
  }

  async step(caller: Caller): Promise<void> {
    const journal = sessionOf(`journal-${caller.random.below(JOURNALS)}`);
    if (caller.random.chance(0.25)) return this.#read(caller, journal);
    const entry = `entry ${this.#made++} of ${caller.number}`;
    while (!(await this.#append(caller, journal, entry)));
    this.#appended.add(entry);
  }

  async look(store: StateStore, findings: Findings): Promise<void> {
    const found = new Set<string>();
    for (let n = 0; n < JOURNALS; n++) {
      const records = await everyRecord(store, sessionOf(`journal-${n}`));
      const entries = records.filter(({ kind }) => kind !== "head");
      const length = records.find(({ kind }) => kind === "head")?.version ?? 0;
      if (length !== entries.length) findings.torn.push(`head ${length} of ${entries.length} entries`);
      for (const [index, record] of entries.entries()) {
        if (record.kind !== kindOf(index + 1))
          findings.lost.push(`no ${kindOf(index + 1)} but ${record.kind}`);
        const entry = textOf(record);
        if (found.has(entry) || !this.#appended.has(entry)) findings.twice.push(entry);
        found.add(entry);
      }
    }
    for (const entry of this.#appended) if (!found.has(entry)) findings.lost.push(entry);
  }

  async #append(caller: Caller, journal: Identity, text: string): Promise<boolean> {
    const { store, insist, call } = caller;
    const head = await insist(() => store.find(journal, "head"));
    const number = (head?.version ?? 0) + 1;
    const changes = [
      { op: "save", record: event(journal, kindOf(number), text), expect: null },
      { op: "save", record: event(journal, "head", "", number), expect: head?.eventId ?? null },
    ] as const;
    if (!this.#freshIds) return caller.commit(changes);
    try {
      await call(() => store.commit(changes));
      return true;
    } catch (error) {
      if (isStateError(error)) return false;
      throw error;
    }
  }

  async #read({ store, findings, insist }: Caller, journal: Identity): Promise<void> {
    const last = await insist(() => store.list(journal, "entry/", { reverse: true, limit: LOOK_BACK }));
    const numbers = last.map(({ kind }) => Number(kind.slice("entry/".length)));
    const gap = numbers.find((number, index) => number !== (numbers[0] as number) - index);
    if (gap !== undefined) findings.torn.push(`${journal.session} has a gap above ${gap}`);
  }
}

function kindOf(number: number): string {
  return `entry/${String(number).padStart(8, "0")}`;
}
