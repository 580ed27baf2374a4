import { decide } from "../../src/decide.js";
import type { ApplyOptions, Commit, Outcome } from "../../src/driver.js";
import { copyDatabase } from "./backup.js";
import { CommitView, prepareCommits } from "./commit-view.js";
import { type Connection, limitCache } from "./connection.js";
import { forgetOldest, prepareLine } from "./event-line.js";
import { loadPackage } from "./load-package.js";
import { preparedOnFirstUse } from "./schema.js";
import { Transactions } from "./transactions.js";

const FORGET_CONTENT = `
UPDATE event SET fingerprint = NULL
WHERE tenant = ? AND event_id IN (SELECT event_id FROM record WHERE tenant = ? AND user = ? AND session = ?)`;
const ERASE = "DELETE FROM record WHERE tenant = ? AND user = ? AND session = ?";

/** What writes: all of it synchronous, on one connection, so that it may live in another thread. */
export class Engine {
  readonly #connection: Connection;
  readonly #transactions: Transactions;
  readonly #statements: () => ReturnType<typeof prepareWrites>;
  readonly #verifyFile: () => void;

  /** `verifyFile` throws when what is written would be lost. */
  constructor(connection: Connection, verifyFile: () => void = () => {}) {
    this.#connection = connection;
    this.#transactions = new Transactions(connection);
    this.#statements = preparedOnFirstUse(connection, prepareWrites);
    this.#verifyFile = verifyFile;
  }

  apply(commits: readonly Commit[], options: ApplyOptions): readonly Outcome[] {
    return this.#write(({ commit, line }) => {
      let saves = 0;
      const outcomes: Outcome[] = [];
      const view = new CommitView(commit, options);
      for (const next of commits) {
        const outcome = decide(next, view);
        outcomes.push(outcome);
        if (outcome.is === "applied") saves += carryOut(next, view);
      }
      forgetOldest(line, saves * 2, options);
      return outcomes;
    });
  }

  erase(tenant: string, user: string, session: string): number {
    return this.#write(({ forgetContent, erase }) => {
      forgetContent.run(tenant, tenant, user, session);
      return erase.run(tenant, user, session).changes;
    });
  }

  async backup(target: string): Promise<void> {
    const { connect } = await loadPackage();
    await copyDatabase(connect, this.#connection, target);
  }

  limitCache(kib: number): void {
    limitCache(this.#connection, kib);
  }

  close(): void {
    this.#connection.close();
  }

  #write<T>(work: (sql: ReturnType<typeof prepareWrites>) => T): T {
    this.#verifyFile();
    const sql = this.#statements();
    return this.#transactions.writing(() => work(sql));
  }
}

function prepareWrites(connection: Connection) {
  return {
    commit: prepareCommits(connection),
    line: prepareLine(connection),
    forgetContent: connection.prepare(FORGET_CONTENT),
    erase: connection.prepare(ERASE),
  };
}

/** How many records it saved. */
function carryOut(commit: Commit, view: CommitView): number {
  let saves = 0;
  for (const write of commit.writes) {
    if (write.op === "delete") view.delete(write.slot);
    if (write.op !== "save") continue;
    view.save(write.record);
    saves++;
  }
  return saves;
}
