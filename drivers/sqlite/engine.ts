import type {
  Applied,
  ApplyOptions,
  Commit,
  EraseTarget,
  Outcome,
  Swept,
} from "../../src/contract/driver.js";
import { isStateError } from "../../src/contract/errors.js";
import { decide, targetOf } from "../../src/rules/decide.js";
import { steadyNow } from "../../src/timing/clock.js";
import { copyDatabase } from "./backup.js";
import { CommitView, prepareCommits } from "./commit-view.js";
import { type Compacted, giveBackPages, truncateLog } from "./compact.js";
import { type Connection, limitCache } from "./connection.js";
import { Erasures, prepareErasures } from "./erasures.js";
import { translated } from "./errors.js";
import { ExpiryQueue, prepareQueue } from "./expiry-queue.js";
import type { FileGuard } from "./file-identity.js";
import { loadPackage } from "./load-package.js";
import { preparedOnFirstUse, prepareVersion, refuseNewerSchema } from "./schema.js";
import { prepareTenants, TenantNumbers } from "./tenant-numbers.js";
import { Transactions } from "./transactions.js";

/** Writes to the database: synchronously, on one connection, so that it can run in a worker thread. */
export class Engine {
  readonly #connection: Connection;
  readonly #transactions: Transactions;
  readonly #statements: () => ReturnType<typeof prepareWrites>;
  readonly #guard: FileGuard | undefined;

  readonly #secureErase: boolean;
  #owesEmptyLog = false;

  /** `guard` throws when a write would go into a file that was removed or replaced. */
  constructor(
    connection: Connection,
    guard?: FileGuard,
    { secureErase = false }: { readonly secureErase?: boolean } = {},
  ) {
    this.#secureErase = secureErase;
    this.#connection = connection;
    this.#transactions = new Transactions(connection);
    this.#statements = preparedOnFirstUse(connection, prepareWrites);
    this.#guard = guard;
  }

  apply(commits: readonly Commit[], given: ApplyOptions): readonly Outcome[] {
    const outcomes = this.#write(({ commit, queue: queueStatements, erasure }, tenants) => {
      const queue = new ExpiryQueue(queueStatements, given);
      const erasures = new Erasures(erasure, tenants, queue.options.now);
      const view = new CommitView(commit, erasures, tenants, queue);
      let saves = 0;
      const outcomes = commits.map((next) => {
        const decision = decide(next, view);
        if (decision.is !== "applied") return decision;
        const done = carryOut(next, view, erasures);
        saves += done.saves;
        return done.erased.length === 0 ? decision : { ...decision, ...erasedOf(done.erased) };
      });
      erasures.sweepAbandoned();
      queue.forgetOldest(saves * 2);
      queue.flush();
      return outcomes;
    });
    this.#emptyLogAfter(outcomes.some((outcome) => outcome.is === "applied" && outcome.erased !== undefined));
    return outcomes;
  }

  sweep(target: EraseTarget): Swept {
    const swept = this.#write(({ erasure }, tenants) =>
      new Erasures(erasure, tenants, steadyNow()).sweep(target),
    );
    this.#emptyLogAfter(!swept.more);
    return swept;
  }

  /** Gives some of the unused pages back to the file system. */
  giveBack(): Compacted {
    this.#guard?.verify();
    const given = translated(() => giveBackPages(this.#connection));
    this.#guard?.verifyCommitted();
    return given;
  }

  /** Copies the log into the database and empties it. UNAVAILABLE `busy` while another connection needs it. */
  emptyLog(): void {
    this.#guard?.verify();
    translated(() => truncateLog(this.#connection));
    this.#owesEmptyLog = false;
  }

  async backup(target: string): Promise<void> {
    const { connect } = await loadPackage();
    await copyDatabase(connect, this.#connection, target);
  }

  /** Leaves it to other connections to copy the log into the database. */
  leaveLog(): void {
    this.#connection.exec("PRAGMA wal_autocheckpoint = 0");
  }

  limitCache(kib: number): void {
    limitCache(this.#connection, kib);
  }

  close(): void {
    this.#connection.close();
  }

  /** What was erased may be in the log. While a reader needs that, it is left to the next write. */
  #emptyLogAfter(isErased: boolean): void {
    if (!this.#secureErase) return;
    this.#owesEmptyLog ||= isErased;
    if (!this.#owesEmptyLog) return;
    try {
      this.emptyLog();
    } catch (error) {
      // The commit has been made, whatever becomes of the log.
      if (!isStateError(error)) throw error;
    }
  }

  #write<T>(work: (sql: Statements, tenants: TenantNumbers) => T): T {
    this.#guard?.verify();
    const { tenants, ...sql } = this.#statements();
    tenants.begin();
    const result = this.#transactions.writing(() => {
      refuseNewerSchema(sql.version);
      return work(sql, tenants);
    });
    this.#guard?.verifyCommitted();
    return result;
  }
}

type Statements = Omit<ReturnType<typeof prepareWrites>, "tenants">;

function prepareWrites(connection: Connection) {
  return {
    version: prepareVersion(connection),
    tenants: new TenantNumbers(prepareTenants(connection)),
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
    if (write.op === "erase") erased.push(erasures.erase(targetOf(write)));
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
