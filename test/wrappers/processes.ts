import { expect, test } from "vitest";
import { isSoak } from "../soak.js";
import { inProcesses } from "../typed/processes.js";
import { newSession, type TestStore } from "../typed/stores.js";
import { type WrapperTable, widestListOf } from "./wrapper.js";

const ROUNDS = isSoak ? 8 : 3;

/** What several processes contend for, as code of a module that has `store`, `who`, `id` and `by`. */
export interface Contest {
  /** How many processes take part. Default 2. */
  readonly processes?: number;
  /** What each process runs once. */
  readonly setUp: string;
  /** An expression that makes the record. */
  readonly make: string;
  /** An expression that changes it: a promise that is rejected with this code for all but one process. */
  readonly change: string;
  readonly lostWith: string;
}

/** Of several processes one makes the record, and one changes it; all others are told so. */
export function testProcesses<W>(opened: TestStore, table: WrapperTable<W>, contest: Contest): void {
  const { processes = 2, setUp, make, change, lostWith } = contest;
  test(`of ${processes} processes one makes each record and one changes it`, async () => {
    const who = newSession();
    const source = `
      ${setUp}
      const who = args.who, by = "process-" + me, answers = [];
      for (let round = 0; round < args.rounds; round++) {
        const id = "r" + round;
        await (${make});
        answers.push(await (${change}).then(() => "won", ({ code }) => code));
      }
      console.log(JSON.stringify(answers));
    `;
    const answers = await inProcesses<string[]>(processes, opened.url, { who, rounds: ROUNDS }, source);
    const lost = new Array(processes - 1).fill(lostWith);
    for (let round = 0; round < ROUNDS; round++)
      expect(answers.map((each) => each[round]).sort()).toEqual([...lost, "won"].sort());
    expect(await table.listed(table.open(opened.store), widestListOf(table, who))).toHaveLength(ROUNDS);
  });
}
