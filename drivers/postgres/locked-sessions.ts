import type { ApplyOptions, Commit, Outcome } from "../../src/contract/driver.js";
import { isStateError, StateError } from "../../src/contract/errors.js";
import { verdictOf } from "../../src/rules/batch-verdict.js";
import { slotOf } from "../../src/rules/decide.js";
import { payloadBytes } from "../../src/rules/payload-bytes.js";
import { monotonicMs, sleep } from "../../src/timing/real-timers.js";
import type { BatchStatement, LockWaits } from "./batch-statement.js";
import { failed, LockNotFree, unknownOutcome } from "./errors.js";

/** These waits delay only the commits in this queue, and a waiting statement gets the lock when it is its turn. */
const BATCH_WAITS: LockWaits = { sessionsMs: 50, rowsMs: 100, careful: true };
const SINGLE_WAITS: LockWaits = { sessionsMs: 10, rowsMs: 20, careful: true };

/** How a queue that moves is tried: the lock was free a moment ago, so this costs no more than any batch. */
const MOVING_WAITS: LockWaits = { sessionsMs: 50, rowsMs: 100, careful: false };

/** Limits of one try. */
const MAX_COMMITS = 64;
const MAX_WRITES = 256;
const MAX_BYTES = 4 * 1024 * 1024;

/** How long the last try may take beyond the deadline of its commits, in milliseconds. */
const GRACE_MS = 500;

const MIN_PAUSE_MS = 10;
const MAX_PAUSE_MS = 200;

interface Waiting {
  readonly commit: Commit;
  readonly options: ApplyOptions;
  readonly keys: readonly string[];
  readonly bytes: number;
  /** The deadline, a time of `monotonicMs`. */
  readonly until: number;
  readonly settle: (outcome: Outcome) => void;
  /** A try has found its own lock with others, and not those of commits before it. */
  wasLocked: boolean;
}

/**
 * Commits whose session is locked by another connection. They are retried with pauses while other batches go on, one
 * statement at a time, and no statement waits long on its connection. Commits that share a session or an event id keep
 * their order: a new commit has to wait behind a waiting one.
 */
export class LockedSessions {
  readonly #statement: BatchStatement;
  readonly #oneTenant: boolean;
  readonly #waiting = new Set<Waiting>();
  /** The number of waiting commits per key. */
  readonly #keys = new Map<string, number>();
  #running = false;

  /** `oneTenant`: a try is of commits of one tenant. */
  constructor(statement: BatchStatement, oneTenant: boolean) {
    this.#statement = statement;
    this.#oneTenant = oneTenant;
  }

  /** Whether any of the commits has to wait behind one in this queue. Throws if one is malformed, before any is queued. */
  holdsBackAny(commits: readonly Commit[]): boolean {
    if (this.#keys.size === 0) return false;
    for (const commit of commits) payloadBytes(commit);
    return commits.map((commit) => this.holdsBack(commit)).includes(true);
  }

  /** Whether the commit has to wait behind one in this queue. */
  holdsBack(commit: Commit): boolean {
    return this.#keys.size > 0 && keysOf(commit).some((key) => this.#keys.has(key));
  }

  /** Queues the commit. Resolves with its outcome, which is a failure after the deadline `until`. */
  add(commit: Commit, options: ApplyOptions, until: number): Promise<Outcome> {
    const keys = keysOf(commit);
    const bytes = payloadBytes(commit);
    for (const key of keys) this.#keys.set(key, (this.#keys.get(key) ?? 0) + 1);
    return new Promise((settle) => {
      this.#waiting.add({ commit, options, keys, bytes, until, settle, wasLocked: false });
      if (!this.#running) void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#running = true;
    let pauseMs = MIN_PAUSE_MS;
    let isMoving = false;
    while (this.#waiting.size > 0) {
      if (!isMoving) await sleep(pauseMs * (0.5 + Math.random() / 2));
      this.#expire();
      const before = this.#waiting.size;
      let allMoved = true;
      for (const tenant of this.#tenants()) {
        const candidates = [...this.#waiting].filter(
          ({ commit }) => (tenant ?? commit.tenant) === commit.tenant,
        );
        const tried = nextOf(candidates);
        await this.#try(tried, isMoving ? MOVING_WAITS : BATCH_WAITS);
        if (tried.some((each) => this.#waiting.has(each))) allMoved = false;
        this.#expire();
      }
      isMoving = allMoved;
      pauseMs = this.#waiting.size < before ? MIN_PAUSE_MS : Math.min(pauseMs * 2, MAX_PAUSE_MS);
    }
    this.#running = false;
  }

  #expire(): void {
    const now = monotonicMs();
    for (const each of this.#waiting) if (each.until <= now) this.#settle(each, failed(this.#notFree(each)));
  }

  #notFree({ wasLocked }: Waiting): StateError<"UNAVAILABLE"> {
    const message = wasLocked
      ? "another writer holds the lock of the session: try again"
      : `nothing was written: it waited behind others of this store that a lock holds up, ${this.#waiting.size} in all`;
    return new LockNotFree("UNAVAILABLE", message, { details: { reason: "busy" } });
  }

  /** The tenants that have a try each; `undefined` for a try of all tenants together. */
  #tenants(): Iterable<string | undefined> {
    return this.#oneTenant ? new Set([...this.#waiting].map(({ commit }) => commit.tenant)) : [undefined];
  }

  async #try(tried: readonly Waiting[], lockWaits: LockWaits): Promise<void> {
    const [first] = tried;
    if (first === undefined) return;
    try {
      const commits = tried.map(({ commit }) => commit);
      // A try is short. Cutting it off at the deadline would leave its outcome unknown.
      const deadline = Math.max(monotonicMs(), ...tried.map(({ until }) => until)) + GRACE_MS;
      const outcomes = await this.#statement.send(commits, { ...first.options, deadline }, lockWaits);
      const passedKeys = new Set<string>();
      for (const [index, each] of tried.entries()) {
        const outcome = outcomes[index];
        if (outcome !== undefined) this.#settle(each, outcome);
        else {
          each.wasLocked = !each.keys.some((key) => passedKeys.has(key));
          for (const key of each.keys) passedKeys.add(key);
        }
      }
    } catch (error) {
      const alone = tried.length === 1;
      if (!alone && (error instanceof LockNotFree || verdictOf(error) === "refused"))
        await this.#tryOneByOne(tried);
      else if (error instanceof LockNotFree) first.wasLocked = true;
      else this.#fail(tried, error);
    }
  }

  /** For when one of the commits fails the batch: it needs a lock that was not checked before, or is refused. */
  async #tryOneByOne(tried: readonly Waiting[]): Promise<void> {
    const skippedKeys = new Set<string>();
    for (const each of tried) {
      const isLate = monotonicMs() >= each.until;
      if (!isLate && !each.keys.some((key) => skippedKeys.has(key))) await this.#try([each], SINGLE_WAITS);
      if (this.#waiting.has(each)) for (const key of each.keys) skippedKeys.add(key);
    }
  }

  /**
   * Also fails the commits that wait behind a commit with an unknown outcome: the caller may retry that one, and it would
   * then take effect after them.
   */
  #fail(tried: readonly Waiting[], cause: unknown): void {
    const known = isStateError(cause) ? cause : unknownOutcome(cause);
    const inDoubt = isStateError(known, "OUTCOME_UNKNOWN");
    const blockedKeys = new Set(tried.flatMap(({ keys }) => keys));
    for (const each of this.#waiting) {
      if (tried.includes(each)) this.#settle(each, failed(known));
      else if (inDoubt && each.keys.some((key) => blockedKeys.has(key))) {
        for (const key of each.keys) blockedKeys.add(key);
        this.#settle(each, failed(behindUnknown(known)));
      }
    }
  }

  #settle(each: Waiting, outcome: Outcome): void {
    if (!this.#waiting.delete(each)) return;
    for (const key of each.keys) {
      const count = this.#keys.get(key) as number;
      if (count > 1) this.#keys.set(key, count - 1);
      else this.#keys.delete(key);
    }
    each.settle(outcome);
  }
}

/** The commits of the next try: equally many per session, in order, and none that would overtake a skipped one. */
function nextOf(waiting: readonly Waiting[]): readonly Waiting[] {
  const sessions = new Map<string, number>();
  for (const { keys } of waiting) sessions.set(keys[0] as string, 0);
  const share = Math.max(1, Math.floor(MAX_COMMITS / Math.max(1, sessions.size)));
  const skippedKeys = new Set<string>();
  let bytes = 0;
  let writes = 0;
  const taken: Waiting[] = [];
  for (const each of waiting) {
    if (taken.length === MAX_COMMITS || writes >= MAX_WRITES) break;
    const [session] = each.keys as [string];
    const count = sessions.get(session) as number;
    const fits =
      count < share &&
      (taken.length === 0 ||
        (bytes + each.bytes <= MAX_BYTES && writes + each.commit.writes.length <= MAX_WRITES));
    if (!fits || each.keys.some((key) => skippedKeys.has(key))) {
      for (const key of each.keys) skippedKeys.add(key);
      continue;
    }
    taken.push(each);
    sessions.set(session, count + 1);
    bytes += each.bytes;
    writes += each.commit.writes.length;
  }
  return taken;
}

function behindUnknown({ cause }: StateError): StateError {
  return new StateError("UNAVAILABLE", "an earlier write of the session is in doubt: try again", {
    details: { reason: "busy" },
    cause,
  });
}

/** The commit's sessions, which the server locks, and its event ids. The two differ in the number of NULs. */
function keysOf({ tenant, writes }: Commit): readonly string[] {
  const keys = writes.map(slotOf).map(({ user, session }) => `${tenant}\0${user}\0${session}\0`);
  for (const write of writes) if (write.op === "save") keys.push(`${tenant}\0${write.record.eventId}`);
  return [...new Set(keys)];
}
