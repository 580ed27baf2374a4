import type { Commit } from "../../src/contract/driver.js";
import { slotOf } from "../../src/rules/decide.js";
import { payloadBytes } from "../../src/rules/payload-bytes.js";
import { sessionKey } from "../../src/rules/slot-key.js";

/** More than batches of small commits have. */
const LARGE = { writes: 256, bytes: 1024 * 1024 };

/**
 * The writing statements of one driver that are under way. Two that lock the same session follow one another on the server.
 * So whoever meets a lock asks here first whether the holder is a statement of its own, which ends soon.
 */
export class OwnStatements {
  readonly #underWay = new Set<OwnStatement>();

  begin(commits: readonly Commit[]): OwnStatement {
    const statement: OwnStatement = new OwnStatement(commits, [...this.#underWay], () => {
      this.#underWay.delete(statement);
    });
    this.#underWay.add(statement);
    return statement;
  }
}

export class OwnStatement {
  /** Resolves when it has ended, whatever came of it. */
  readonly ended: Promise<void>;
  readonly #commits: readonly Commit[];
  readonly #onEnd: () => void;
  #earlier: readonly OwnStatement[];
  #sessions: ReadonlySet<string> | undefined;
  #resolve!: () => void;

  constructor(commits: readonly Commit[], earlier: readonly OwnStatement[], onEnd: () => void) {
    this.#commits = commits;
    this.#earlier = earlier;
    this.#onEnd = onEnd;
    this.ended = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  /**
   * Resolves when the statements that share a session with this one, and were under way when it began, have ended. `undefined`
   * if there is none, or one of them is large: what waits for that has to give way to other tenants.
   */
  blockersEnd(): Promise<unknown> | undefined {
    const blockers = this.#earlier.filter((other) => sharesAny(other.sessions, this.sessions));
    if (blockers.length === 0 || blockers.some((other) => other.#isLarge())) return undefined;
    return Promise.all(blockers.map(({ ended }) => ended));
  }

  end(): void {
    // Statements that overlap without a gap would keep one another in memory.
    this.#earlier = [];
    this.#onEnd();
    this.#resolve();
  }

  #isLarge(): boolean {
    let writes = 0;
    let bytes = 0;
    for (const commit of this.#commits) {
      writes += commit.writes.length;
      bytes += payloadBytes(commit);
    }
    return writes > LARGE.writes || bytes > LARGE.bytes;
  }

  /** Made on first use: most statements meet no lock. */
  get sessions(): ReadonlySet<string> {
    this.#sessions ??= new Set(
      this.#commits.flatMap(({ writes }) => writes.map((write) => sessionKey(slotOf(write)))),
    );
    return this.#sessions;
  }
}

function sharesAny(some: ReadonlySet<string>, others: ReadonlySet<string>): boolean {
  for (const one of some) if (others.has(one)) return true;
  return false;
}
