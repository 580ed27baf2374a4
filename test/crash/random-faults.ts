import type { FaultyProxy, Verdict } from "../drivers/postgres-proxy.js";
import type { RandomChoices } from "../random.js";

export const LOST_REQUESTS: readonly Verdict[] = ["cut", "close", "hang", "cut halfway"];
export const LOST_ANSWERS: readonly Verdict[] = [
  "cut the answer",
  "hang the answer",
  "cut the answer halfway",
];
const FAULTS: readonly Verdict[] = [...LOST_REQUESTS, ...LOST_ANSWERS, "trickle"];

export interface FaultOptions {
  /** 0 to 1: how many of the requests that write fail. */
  readonly writes: number;
  /** How many other requests, and how many new connections. Default none. */
  readonly others?: number;
  /** What befalls those that write. Default everything. */
  readonly faults?: readonly Verdict[];
  readonly random: RandomChoices;
}

const EVENT_ID = /[0-9A-HJKMNP-TV-Z]{26}/g;
/** A fingerprint as a parameter of its own, which a single save has. */
const FINGERPRINT = /\0\0\0\x2b[\w-]{43}/;
const SYNC = Buffer.from("S\0\0\0\x04", "latin1");
const TERMINATE = Buffer.from("X\0\0\0\x04", "latin1");

/** A line that fails at random, and keeps account of which events went over it. */
export class RandomFaults {
  readonly counts: Map<Verdict, number>;
  readonly #options: Required<FaultOptions>;
  readonly #reached = new Map<string, number>();
  readonly #written = new Map<string, number>();
  #isActive = false;

  /** Nothing fails before it begins, and nothing after it has ended. */
  constructor(line: FaultyProxy, options: FaultOptions) {
    this.#options = { others: 0, faults: FAULTS, ...options };
    this.counts = new Map(this.#options.faults.map((fault) => [fault, 0]));
    line.onRequest = (data) => this.#judge(data);
    line.onConnect = () => (this.#fails(this.#options.others) ? "close" : "serve");
    line.onAnswer = (answer, request) => {
      if (isWrite(request) && saysWritten(answer)) note(this.#written, request);
    };
  }

  begin(): void {
    this.#isActive = true;
  }

  end(): void {
    this.#isActive = false;
  }

  /** The fewest that there were of one kind. */
  get fewest(): number {
    return Math.min(...this.counts.values());
  }

  sum(kinds: readonly Verdict[]): number {
    return kinds.reduce((sum, kind) => sum + (this.counts.get(kind) ?? 0), 0);
  }

  /** Whether one who is told now that the event is written should be told that it is a duplicate; undefined if nobody knows. */
  isDuplicate(eventId: string): boolean | undefined {
    const written = this.#written.get(eventId) ?? 0;
    if (written > 1) return true;
    return this.#reached.get(eventId) === written ? false : undefined;
  }

  #judge(data: Buffer): Verdict {
    const { writes, others, random } = this.#options;
    // Not counted: of other requests nothing is left.
    if (!isWrite(data)) return this.#fails(others) ? random.pick([...LOST_REQUESTS, "trickle"]) : "pass";
    const verdict = this.#fails(writes) ? this.#fault() : "pass";
    if (!LOST_REQUESTS.includes(verdict)) note(this.#reached, data);
    return verdict;
  }

  #fails(share: number): boolean {
    return this.#isActive && this.#options.random.chance(share);
  }

  #fault(): Verdict {
    const { faults, random } = this.#options;
    const fault = random.pick(faults);
    this.counts.set(fault, (this.counts.get(fault) ?? 0) + 1);
    return fault;
  }
}

/**
 * The client asks first what a statement returns, and sends its parameters then: only those hold what is written, and a
 * Sync follows; after that its good-bye, if it has lost patience.
 */
function isWrite(request: Buffer): boolean {
  const isLast = request.subarray(-TERMINATE.length).equals(TERMINATE);
  const asked = isLast ? request.subarray(0, -TERMINATE.length) : request;
  const saves = asked.includes(`"save"`) || FINGERPRINT.test(asked.toString("latin1"));
  return saves && asked.subarray(-SYNC.length).equals(SYNC);
}

/**
 * Whether an answer of one of the apply functions says that something is written, now or before. Two of them answer with one
 * row of three columns, the first of which has a letter per write, or is null if nothing was done.
 */
function saysWritten(answer: Buffer): boolean {
  const [row] = rowsOf(answer);
  if (row?.length === 3) return /[ard]/.test(row[0] ?? "");
  const said = answer.toString("latin1");
  // Of a batch with a commit that was set aside, nobody knows here which one that was.
  return /applied|duplicate/.test(said) && !said.includes("locked");
}

/** The columns of each DataRow. https://www.postgresql.org/docs/current/protocol-message-formats.html */
function* rowsOf(answer: Buffer): Generator<readonly (string | undefined)[]> {
  for (let at = 0; at < answer.length; at += 1 + answer.readInt32BE(at + 1)) {
    if (answer[at] !== "D".charCodeAt(0)) continue;
    const columns: (string | undefined)[] = [];
    let from = at + 7;
    for (let left = answer.readInt16BE(at + 5); left > 0; left--) {
      const length = answer.readInt32BE(from);
      from += 4;
      columns.push(length < 0 ? undefined : answer.toString("latin1", from, from + length));
      from += Math.max(0, length);
    }
    yield columns;
  }
}

/** Counts each event of the request once, in however many columns it stands. */
function note(counts: Map<string, number>, request: Buffer): void {
  const ids = request.toString("latin1").match(EVENT_ID) ?? [];
  for (const eventId of new Set(ids)) counts.set(eventId, (counts.get(eventId) ?? 0) + 1);
}
