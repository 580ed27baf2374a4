import type { Applied, ApplyOptions, Commit, Outcome, Session, Swept } from "../../src/contract/driver.js";
import { decide } from "../../src/rules/decide.js";
import { steadyNow } from "../../src/timing/clock.js";
import { copyDatabase } from "./backup.js";
import { CommitView, prepareCommits } from "./commit-view.js";
import { type Connection, limitCache } from "./connection.js";
import { Erasures, prepareErasures } from "./erasures.js";
import { forgetOldest, prepareQueue, withWriteTime } from "./expiry-queue.js";
import type { FileGuard } from "./file-identity.js";
import { loadPackage } from "./load-package.js";
import { preparedOnFirstUse } from "./schema.js";
import { Transactions } from "./transactions.js";

/** Writes to the database: synchronously, on one connection, so that it can run in a worker thread. */
export class Engine {
  readonly #connection: Connection;
  readonly #transactions: Transactions;
  readonly #statements: () => ReturnType<typeof prepareWrites>;
  readonly #guard: FileGuard | undefined;

  /** `guard` throws when a write would go into a file that was removed or replaced. */
  constructor(connection: Connection, guard?: FileGuard) {
    this.#connection = connection;
    this.#transactions = new Transactions(connection);
    this.#statements = preparedOnFirstUse(connection, prepareWrites);
    this.#guard = guard;
  }

  apply(commits: readonly Commit[], given: ApplyOptions): readonly Outcome[] {
    return this.#write(({ commit, queue, erasure }) => {
      const options = withWriteTime(queue, given);
      const erasures = new Erasures(erasure, options.now);
      const view = new CommitView(commit, erasures, options);
      let saves = 0;
      const outcomes = commits.map((next) => {
        const decision = decide(next, view);
        if (decision.is !== "applied") return decision;
        const done = carryOut(next, view, erasures);
        saves += done.saves;
        return done.erased.length === 0 ? decision : { ...decision, ...erasedOf(done.erased) };
      });
      erasures.sweepAbandoned();
      forgetOldest(queue, saves * 2, options);
      return outcomes;
    });
  }

  sweep(session: Session): Swept {
    return this.#write(({ erasure }) => new Erasures(erasure, steadyNow()).sweep(session));
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
    this.#guard?.verify();
    const sql = this.#statements();
    const result = this.#transactions.writing(() => work(sql));
    this.#guard?.verifyCommitted();
    return result;
  }
}

function prepareWrites(connection: Connection) {
  return {
    commit: prepareCommits(connection),
    queue: prepareQueue(connection),
    erasure: prepareErasures(connection),
  };
}

/** The number of records that the commit saved, and of each erase how many it removed (`undefined`: fenced). */
function carryOut(commit: Commit, view: CommitView, erasures: Erasures) {
  let saves = 0;
  const erased: (number | undefined)[] = [];
  for (const write of commit.writes) {
    if (write.op === "erase") erased.push(erasures.erase(write.session));
    else if (write.op === "delete") view.delete(write.slot);
    else if (write.op === "save") {
      view.save(write.record);
      saves++;
    }
  }
  return { saves, erased };
}

function erasedOf(counts: readonly (number | undefined)[]): Pick<Applied, "erased" | "remains"> {
  const erased = counts.map((count = 0) => count);
  return counts.includes(undefined) ? { erased, remains: true } : { erased };
}
