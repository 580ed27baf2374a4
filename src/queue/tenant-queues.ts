/** Something that waits. */
export interface Waiter {
  readonly tenant: string;
  /** What serving it costs, in bytes. */
  readonly weight: number;
  /** Nobody waits for it any more. */
  readonly isGone: boolean;
}

/** What is to be done with one that waits. */
export type Choice =
  | "take"
  /** It stays where it is, and those behind it are looked at. */
  | "pass"
  /** It stays, and so do all behind it; the other lines go on. */
  | "hold"
  /** It stays, and so do all others. */
  | "stop";

/** What a tenant may take in its turn, in bytes; what it takes beyond, it owes. */
const TURN = 16 * 1024;

/** How many that were passed over are looked past, in one line and in all. */
const LOOK_AHEAD = 1024;
const LOOK_AHEAD_IN_ALL = 4096;

/**
 * A line for each tenant; first come, first served in each, and the lines take turns: surplus round robin, so that a
 * tenant with one that waits is served in the next turn however many others have queued, and each gets the same share of
 * bytes while it has something to send.
 * https://en.wikipedia.org/wiki/Deficit_round_robin
 */
export class TenantQueues<W extends Waiter> {
  readonly #queues = new Map<string, Line<W>>();
  /** The same, from the one whose turn it is on. */
  #ring: Line<W>[] = [];
  #size = 0;

  /** How many wait; those that are gone count until they were found. */
  get size(): number {
    return this.#size;
  }

  /** Who has something that waits, or owes for what it had. */
  *tenants(): Generator<string> {
    for (const { tenant } of this.#ring) yield tenant;
  }

  add(waiter: W): void {
    let line = this.#queues.get(waiter.tenant);
    if (line === undefined) {
      line = new Line(waiter.tenant);
      this.#queues.set(waiter.tenant, line);
      this.#ring.push(line);
    }
    line.add(waiter);
    this.#size++;
  }

  has(tenant: string): boolean {
    return (this.#queues.get(tenant)?.size ?? 0) > 0;
  }

  /** Asks of one after another, tenant by tenant, whether it is to be taken, and removes what is. */
  take(choose: (waiter: W) => Choice): W[] {
    const taken: W[] = [];
    const counted = (waiter: W) => {
      const choice = choose(waiter);
      if (choice === "take") taken.push(waiter);
      return choice;
    };
    let passed = 0;
    let round = { visits: 0, served: 0, owing: 0 };
    while (this.#ring.length > 0 && passed < LOOK_AHEAD_IN_ALL) {
      const line = this.#ring[0] as Line<W>;
      const end = line.serve(counted);
      passed += end.passed;
      round.served += end.taken;
      if (end.isStopped) break;
      if (line.owes) round.owing++;
      this.#ring.push(this.#ring.shift() as Line<W>);
      if (++round.visits < this.#ring.length) continue;
      if (round.served === 0 && round.owing === 0) break;
      // Rounds in which everybody only pays are as good as one.
      if (round.served === 0) this.#payTogether();
      round = { visits: 0, served: 0, owing: 0 };
    }
    this.#settle();
    return taken;
  }

  /** Removes those in front of each line that the condition holds for. */
  shed(isOver: (waiter: W) => boolean): W[] {
    const shed = this.#ring.flatMap((line) => line.shed(isOver));
    this.#settle();
    return shed;
  }

  /** Removes all. */
  clear(): W[] {
    return this.shed(() => true);
  }

  /** Lets go of those that are gone. */
  sweep(): void {
    for (const line of this.#ring) line.sweep();
    this.#settle();
  }

  *[Symbol.iterator](): Generator<W> {
    for (const line of this.#ring) yield* line;
  }

  /** The first of each line that is not gone. */
  *heads(): Generator<W> {
    for (const line of this.#ring)
      for (const waiter of line)
        if (!waiter.isGone) {
          yield waiter;
          break;
        }
  }

  #payTogether(): void {
    const owing = this.#ring.filter((line) => line.owes);
    const least = Math.min(...owing.map(({ debt }) => debt));
    for (const line of owing) line.pay(least);
  }

  /** Ends a round of taking: what was passed over goes back, and lines that are empty go. */
  #settle(): void {
    this.#size = 0;
    for (const line of this.#ring) this.#size += line.settle();
    const isOver = this.#size === 0;
    this.#ring = this.#ring.filter((line) => {
      // What a tenant owes is kept in mind while others wait.
      if (line.size > 0 || (line.debt > 0 && !isOver)) return true;
      this.#queues.delete(line.tenant);
      return false;
    });
  }
}

class Line<W extends Waiter> {
  readonly tenant: string;
  /** First come, first served, from `#head` on. */
  #waiting: W[] = [];
  #head = 0;
  /** How far it was looked at in this round of taking, and what was passed over. */
  #next = 0;
  #passed: W[] = [];
  #isHeld = false;
  /** What it may still take in its turn; below 0, what it owes. */
  #credit = 0;

  constructor(tenant: string) {
    this.tenant = tenant;
  }

  get size(): number {
    return this.#waiting.length - this.#head;
  }

  get debt(): number {
    return Math.max(0, -this.#credit);
  }

  /** It has something that was not looked at, and must pay first. */
  get owes(): boolean {
    return this.#credit <= 0 && this.#isOpen;
  }

  get #isOpen(): boolean {
    return !this.#isHeld && this.#next < this.#waiting.length && this.#passed.length < LOOK_AHEAD;
  }

  add(waiter: W): void {
    this.#waiting.push(waiter);
  }

  pay(bytes: number): void {
    this.#credit += bytes;
  }

  /** Its turn. */
  serve(choose: (waiter: W) => Choice): { taken: number; passed: number; isStopped: boolean } {
    const turn = { taken: 0, passed: 0, isStopped: false };
    if (this.#credit <= 0) this.#credit += TURN;
    while (this.#credit > 0 && this.#isOpen) {
      const waiter = this.#waiting[this.#next] as W;
      if (!waiter.isGone) {
        const choice = choose(waiter);
        turn.isStopped = choice === "stop";
        this.#isHeld = choice === "hold";
        if (turn.isStopped || this.#isHeld) return turn;
        turn[choice === "take" ? "taken" : "passed"]++;
        if (choice === "take") this.#credit -= waiter.weight;
        else this.#passed.push(waiter);
      }
      this.#next++;
    }
    // What is not used is not saved up.
    if (this.#credit > 0) this.#credit = 0;
    return turn;
  }

  /** Everything that was looked at has left the line, except for what was passed over. Its size. */
  settle(): number {
    if (this.#next > this.#head) {
      const passed = this.#passed;
      this.#head = this.#next - passed.length;
      for (const [index, waiter] of passed.entries()) this.#waiting[this.#head + index] = waiter;
      this.#shrink();
    }
    this.#passed = [];
    this.#isHeld = false;
    this.#next = this.#head;
    return this.size;
  }

  /** Removes those in front that the condition holds for, and those that are gone. */
  shed(isOver: (waiter: W) => boolean): W[] {
    const shed: W[] = [];
    for (; this.#head < this.#waiting.length; this.#head++) {
      const waiter = this.#waiting[this.#head] as W;
      if (waiter.isGone) continue;
      if (!isOver(waiter)) break;
      shed.push(waiter);
    }
    this.#shrink();
    this.#next = this.#head;
    return shed;
  }

  sweep(): void {
    this.#waiting = this.#waiting.slice(this.#head).filter((waiter) => !waiter.isGone);
    this.#head = 0;
    this.#next = 0;
  }

  *[Symbol.iterator](): Generator<W> {
    for (let index = this.#head; index < this.#waiting.length; index++) yield this.#waiting[index] as W;
  }

  #shrink(): void {
    if (this.#head * 2 < this.#waiting.length) return;
    this.#waiting = this.#waiting.slice(this.#head);
    this.#head = 0;
  }
}
