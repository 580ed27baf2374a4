import { invalid, StateError } from "../../src/errors.js";
import type { PostgresClient } from "./client.js";
import { AnswerTorn, ClientUnfit, DeadlinePassed, type Intent, translate } from "./errors.js";

/** Stands for the call's deadline, in milliseconds since 1970 by the server's clock. */
export const DEADLINE = Symbol("the deadline of the call");
/** All that is ever sent: the client loses count of its answers when it cannot serialize a parameter. */
export type Parameter = string | Buffer | null | typeof DEADLINE;
export type Row = Readonly<Record<string, unknown>>;

export interface PoolOptions {
  /** Makes one client of one connection; `onClosed` may be called when that connection ends. */
  readonly connect: (onClosed: () => void) => PostgresClient;
  readonly size: number;
  /** From the call to its answer, waiting and connecting included, in milliseconds. */
  readonly timeoutMs: number;
  /** Of those, the most that connecting may take. Default all of them. */
  readonly connectMs?: number;
  readonly prepare: boolean;
}

const MOST_WAITING = 10_000;

/** How long an idle connection may take to say good-bye, in seconds. */
const GOOD_BYE_S = 1;

/** What a new client is asked first. */
const READY = `SELECT 1 AS is_ready, decode('5cff', 'hex') AS some_bytes,
  floor(extract(epoch FROM clock_timestamp()) * 1000)::text AS milliseconds`;

interface Member {
  readonly client: PostgresClient;
  /** At least how many milliseconds the server's clock, which counts from 1970, is ahead of this process's own. */
  ahead: number;
  dead: boolean;
}

interface Waiter {
  readonly deadline: number;
  readonly timer: NodeJS.Timeout;
  readonly resolve: (member: Member) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * The one place that touches `postgres` clients, which are safe to use only like this: one connection each, one
 * statement at a time, parameters that need no serializing, a deadline on everything, and a client that failed is
 * never used again. A client that goes on after an error may hang, or give one statement the answer of another.
 */
export class ClientPool {
  readonly #options: PoolOptions;
  readonly #members = new Set<Member>();
  readonly #idle: Member[] = [];
  readonly #waiters: Waiter[] = [];
  /** Members, and those about to be made. */
  #size = 0;
  #closed = false;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  /** Runs one statement and resolves with its rows; rejects with a StateError, within the deadline. */
  async run(text: string, parameters: readonly Parameter[], intent: Intent): Promise<readonly Row[]> {
    const deadline = performance.now() + this.#options.timeoutMs;
    const given = checked(parameters);
    const member = await this.#acquire(deadline);
    if (performance.now() >= deadline) {
      this.#release(member);
      throw waitedTooLong();
    }
    try {
      const { prepare } = this.#options;
      const sent = given.map((value) => (value === DEADLINE ? serverTime(member, deadline) : value));
      const rows = await before(deadline, member.client.unsafe(text, sent, { prepare }));
      if (isTorn(rows)) throw new AnswerTorn();
      this.#release(member);
      return rows as readonly Row[];
    } catch (error) {
      this.#drop(member);
      // What swallowed this may have swallowed the lines of the others too, while nobody used them.
      if (error instanceof DeadlinePassed) for (const idle of this.#idle.splice(0)) this.#drop(idle);
      throw this.#closed && intent === "read" ? closed() : translate(error, intent);
    }
  }

  status(): { size: number; idle: number; waiting: number } {
    return { size: this.#size, idle: this.#idle.length, waiting: this.#waiters.length };
  }

  /** Ends every connection, also of statements under way; whoever waits for one is turned away. */
  async close(): Promise<void> {
    this.#closed = true;
    for (let waiter = this.#nextWaiter(); waiter !== undefined; waiter = this.#nextWaiter())
      waiter.reject(closed());
    const idle = new Set(this.#idle.splice(0));
    await Promise.all(
      [...this.#members].map((member) => this.#drop(member, idle.has(member) ? GOOD_BYE_S : 0)),
    );
  }

  async #acquire(deadline: number): Promise<Member> {
    if (this.#closed) throw closed();
    const idle = this.#idle.pop();
    if (idle !== undefined) return idle;
    if (this.#size < this.#options.size) return this.#open(deadline);
    if (this.#waiters.length >= MOST_WAITING)
      throw busy("too many calls wait for a connection: raise poolSize");
    return this.#wait(deadline);
  }

  /** A new client is handed out once it has answered: what fails before has written nothing. */
  async #open(deadline: number): Promise<Member> {
    this.#size++;
    // A turn later, so that waiters who fail one after another do not pile up on the stack.
    await undefined;
    let member: Member | undefined;
    try {
      if (this.#closed) throw closed();
      member = this.#make();
      const { connectMs = Number.POSITIVE_INFINITY } = this.#options;
      const [row] = await before(
        Math.min(deadline, performance.now() + connectMs),
        member.client.unsafe(READY, [], { prepare: false }),
      );
      if (!isFit(row)) throw new ClientUnfit();
      // Taken when the answer is there: a deadline may come too early by this, and never too late.
      member.ahead = Number(row.milliseconds) - performance.now();
      if (this.#closed) throw closed();
      return member;
    } catch (error) {
      if (member === undefined) this.#shrink();
      else this.#drop(member);
      throw this.#closed ? closed() : translate(error, "read");
    }
  }

  #make(): Member {
    let member: Member | undefined;
    const client = this.#options.connect(() => member && this.#onClosed(member));
    member = { client, ahead: 0, dead: false };
    this.#members.add(member);
    return member;
  }

  #wait(deadline: number): Promise<Member> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
        reject(waitedTooLong());
      }, deadline - performance.now());
      const waiter: Waiter = { deadline, timer, resolve, reject };
      this.#waiters.push(waiter);
    });
  }

  #nextWaiter(): Waiter | undefined {
    const waiter = this.#waiters.shift();
    clearTimeout(waiter?.timer);
    return waiter;
  }

  #release(member: Member): void {
    if (member.dead || this.#closed) {
      this.#drop(member);
      return;
    }
    const waiter = this.#nextWaiter();
    if (waiter !== undefined) waiter.resolve(member);
    else this.#idle.push(member);
  }

  /** Takes a client out of use for good, once; never rejects. */
  async #drop(member: Member, timeout = 0): Promise<void> {
    if (!this.#members.delete(member)) return;
    member.dead = true;
    this.#shrink();
    try {
      await member.client.end({ timeout });
    } catch {
      // It is out of use either way.
    }
  }

  /** There is room for a new client: the first in line gets one. */
  #shrink(): void {
    this.#size--;
    const waiter = this.#nextWaiter();
    if (waiter !== undefined) this.#open(waiter.deadline).then(waiter.resolve, waiter.reject);
  }

  #onClosed(member: Member): void {
    member.dead = true;
    const index = this.#idle.indexOf(member);
    if (index < 0) return;
    this.#idle.splice(index, 1);
    this.#drop(member);
  }
}

/** A copy of parameters that are what they should be; TypeScript does not hold whoever passes them to it. */
function checked(parameters: readonly unknown[]): unknown[] {
  const given = [...parameters];
  for (const [index, value] of given.entries()) {
    if (!isPlain(value))
      throw invalid(`parameter ${index + 1}`, "well-formed text, bytes in a Buffer, or null");
  }
  return given;
}

/** The client makes "[object Object]" of any object, and one text of a lone surrogate and of U+FFFD. */
function isPlain(value: unknown): boolean {
  if (typeof value === "string") return value.isWellFormed();
  return value === null || value === DEADLINE || Buffer.isBuffer(value);
}

/** The promise's own end, or DeadlinePassed if that comes first. */
function before<T>(deadline: number, promise: PromiseLike<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new DeadlinePassed()), Math.max(1, deadline - performance.now()));
    promise.then(
      (value) => {
        clearTimeout(timer);
        resolve(value);
      },
      (error: unknown) => {
        clearTimeout(timer);
        reject(error);
      },
    );
  });
}

function isTorn(rows: readonly unknown[] & { readonly count?: number | null }): boolean {
  if (typeof rows.count === "number" && rows.count !== rows.length) return true;
  for (let i = 0; i < rows.length; i++) if (rows[i] === undefined) return true;
  return false;
}

/** A client may have been told to rename columns or to read values its own way, a server to write bytes in another. */
function isFit(row: unknown): row is Row {
  const { is_ready, some_bytes, milliseconds } = (row ?? {}) as Row;
  return (
    is_ready === 1 &&
    Buffer.isBuffer(some_bytes) &&
    some_bytes.equals(Buffer.from("5cff", "hex")) &&
    Number.isSafeInteger(Number(milliseconds))
  );
}

function serverTime({ ahead }: Member, time: number): string {
  return String(Math.floor(time + ahead));
}

function waitedTooLong(): StateError<"UNAVAILABLE"> {
  return busy("no connection became free in time: raise poolSize");
}

function busy(message: string): StateError<"UNAVAILABLE"> {
  return new StateError("UNAVAILABLE", message, { details: { reason: "busy" } });
}

function closed(): StateError<"STORE_CLOSED"> {
  return new StateError("STORE_CLOSED", "the store is closed", { details: {} });
}
