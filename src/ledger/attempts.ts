import { invalid, StateError } from "../contract/errors.js";
import type { CallOptions, Identity, SessionIdentity, StateStore } from "../contract/store.js";
import { userIdentity } from "../identity/identity.js";
import { mappedJson } from "../typed/codec.js";
import { Collection } from "../typed/collection.js";
import type { InputReader } from "../typed/input-reader.js";
import type { JsonValue } from "../typed/json-value.js";
import { optional, readTime } from "../validation/fields.js";
import { readLimit, readObject, readOneOf, readOptions, readSignal } from "../validation/validate.js";
import { readStoredAmounts, writeAmounts } from "./amounts.js";
import {
  type Attempt,
  type AttemptReceipt,
  attemptOf,
  OUTCOMES,
  readAttempt,
  readTurn,
  type StoredAttempt,
  type ToldAttempt,
} from "./attempt.js";
import { readLabel, readReason, readTokens } from "./entry.js";
import { entryPrefix } from "./entry-id.js";
import type { Owners } from "./owners.js";
import { transactWrites } from "./transact-writes.js";
import type { Work } from "./work.js";
import type { WriteSet } from "./write-set.js";

/** Which attempts `attempts` returns. */
export interface AttemptsOptions extends CallOptions {
  /** Only those of this turn. Default: those of all turns. */
  readonly turn?: number;
  /** Only turns after this one: that of the last attempt of the page before. */
  readonly after?: number;
  /** How many turns, 1 to 100. Default 100. */
  readonly limit?: number;
}

/** Each is up to two kilobytes, and all of a turn are one record. */
const MAX_ATTEMPTS = 100;
const MAX_TURNS = 100;
const MAX_ID_BYTES = 105;
/** Turns that move in one commit. */
const TURNS_PER_MOVE = 25;
/** Enough for every safe integer. */
const TURN_DIGITS = 16;

/**
 * The attempts to get an answer from a provider, a record for each turn, under the user. They are told apart from what is
 * billed: no total and no budget counts them.
 */
export class Attempts {
  readonly #turns: Collection<readonly StoredAttempt[]>;
  readonly #store: StateStore;
  readonly #now: () => number;
  readonly #inputs: InputReader;

  constructor(store: StateStore, now: () => number, inputs: InputReader) {
    this.#inputs = inputs;
    this.#store = store;
    this.#turns = new Collection(store, "ledger.attempt", { codec: ATTEMPTS_CODEC });
    this.#now = now;
  }

  /** Begins an attempt, ends one, or adds to what is known of one. IDEMPOTENCY_CONFLICT where it contradicts what is known. */
  tell(owner: Identity, input: unknown): Work<AttemptReceipt> {
    const { turn, told } = readAttempt(input, this.#inputs);
    const { tenant, user } = owner;
    const cell = this.#turns.at(userIdentity(tenant, user), prefixOf(owner) + turnKey(turn));
    return {
      reads: [cell],
      writes: 0,
      // A few of a turn, of about this size.
      bytes: 4096,
      repeatable: true,
      apply: async (writes) => {
        const known = (await writes.get(cell)) ?? [];
        const before = known.find(({ id }) => id === told.id);
        const attempt = before === undefined ? begun(told, this.#now()) : merged(before, told, this.#now());
        if (attempt === before) return { duplicate: true, attempt: attemptOf(turn, attempt) };
        if (before === undefined && known.length >= MAX_ATTEMPTS)
          throw invalid("turn", `a turn with fewer than ${MAX_ATTEMPTS} attempts`);
        const others =
          before === undefined ? [...known, attempt] : known.map((one) => (one === before ? attempt : one));
        writes.put(cell, others);
        return { duplicate: false, attempt: attemptOf(turn, attempt) };
      },
    };
  }

  /** The attempts of a run, or of a session's turns without a run, by turn and in the order in which they were told first. */
  async list(owner: Identity, options: AttemptsOptions | undefined): Promise<Attempt[]> {
    const given = readOptions(options, ["turn", "after", "limit", "signal"]) as AttemptsOptions;
    const signal = readSignal(given);
    const { turn } = optional(given, "turn", readTurn);
    const { after } = optional(given, "after", readTurn);
    const limit = "limit" in given ? readLimit(given.limit, MAX_TURNS) : MAX_TURNS;
    const { tenant, user } = owner;
    const identity = userIdentity(tenant, user);
    const prefix = prefixOf(owner);
    if (turn !== undefined) {
      for (const field of ["after", "limit"])
        if (field in given) throw invalid(field, "left out where there is a turn");
      const found = await this.#turns.get(identity, prefix + turnKey(turn), signal && { signal });
      return (found ?? []).map((attempt) => attemptOf(turn, attempt));
    }
    const range = after === undefined ? {} : { after: prefix + turnKey(after) };
    const turns = await this.#turns.list(identity, { prefix, ...range, limit, signal });
    return turns.flatMap(({ id, value }) =>
      value.map((attempt) => attemptOf(Number(id.slice(prefix.length)), attempt)),
    );
  }

  /** Removes the attempts of a session. */
  async forgetSession(owner: SessionIdentity, signal: AbortSignal | undefined): Promise<void> {
    const { tenant, user, session } = owner;
    const identity = userIdentity(tenant, user);
    for (;;) {
      const page = await this.#turns.keys(identity, { prefix: entryPrefix(session), limit: 200, signal });
      if (page.length === 0) return;
      await Promise.all(page.map(({ id }) => this.#turns.delete(identity, id, signal && { signal })));
    }
  }

  /** Removes the attempts of a user. */
  async forgetUser({ tenant, user }: Pick<Identity, "tenant" | "user">, signal: AbortSignal | undefined) {
    await this.#turns.clear(userIdentity(tenant, user), signal && { signal });
  }

  /** Moves the attempts of a user to another, who then has those of both where both have some of one turn. */
  async moveUser({ from, to }: Owners, signal: AbortSignal | undefined): Promise<void> {
    const source = userIdentity(from.tenant, from.user);
    const target = userIdentity(to.tenant, to.user);
    for (;;) {
      const page = await this.#turns.keys(source, { limit: TURNS_PER_MOVE, signal });
      if (page.length === 0) return;
      const move = async (writes: WriteSet) => {
        for (const { id } of page) {
          const moved = (await writes.get(this.#turns.at(source, id))) ?? [];
          const there = (await writes.get(this.#turns.at(target, id))) ?? [];
          const known = new Set(there.map((attempt) => attempt.id));
          const both = [...there, ...moved.filter((attempt) => !known.has(attempt.id))];
          if (both.length > 0) writes.put(this.#turns.at(target, id), both);
          writes.remove(this.#turns.at(source, id));
        }
      };
      await transactWrites(this.#store, move, signal);
    }
  }
}

function prefixOf({ session, run = "" }: Identity): string {
  return entryPrefix(session, run);
}

function turnKey(turn: number): string {
  return String(turn).padStart(TURN_DIGITS, "0");
}

function begun(told: ToldAttempt, now: number): StoredAttempt {
  const { startedAt = Math.min(now, told.endedAt ?? now) } = told;
  return ended({ ...told, startedAt }, now);
}

function ended(attempt: StoredAttempt, now: number): StoredAttempt {
  const { outcome, endedAt, startedAt } = attempt;
  if (outcome === undefined || endedAt !== undefined) return attempt;
  return { ...attempt, endedAt: Math.max(now, startedAt) };
}

/** What was known with what is told beside it. What both know must be the same. */
function merged(known: StoredAttempt, told: ToldAttempt, now: number): StoredAttempt {
  const added: Record<string, unknown> = {};
  for (const [field, value] of Object.entries(told)) {
    const before = known[field as keyof ToldAttempt];
    if (before === undefined) added[field] = value;
    else if (textOf(before) !== textOf(value)) throw contradiction(field);
  }
  if (Object.keys(added).length === 0) return known;
  const attempt = ended({ ...known, ...added }, now);
  if (attempt.endedAt !== undefined && attempt.endedAt < attempt.startedAt)
    throw invalid("endedAt", "no earlier than startedAt");
  return attempt;
}

function textOf(value: unknown): string {
  return typeof value === "object" ? JSON.stringify(writeAmounts(value as never)) : String(value);
}

function contradiction(field: string): StateError<"IDEMPOTENCY_CONFLICT"> {
  return new StateError("IDEMPOTENCY_CONFLICT", `the attempt is known otherwise: its ${field} differs`, {
    details: { change: 0, field },
  });
}

const ATTEMPTS_CODEC = mappedJson<readonly StoredAttempt[]>({
  write: (attempts) =>
    attempts.map(({ estimate, ...rest }) => ({
      ...rest,
      ...(estimate && { estimate: writeAmounts(estimate) }),
    })) as unknown as JsonValue,
  read(value) {
    if (!Array.isArray(value)) throw invalid("attempts", "an array");
    return value.map((attempt: unknown) =>
      readStored(readObject(attempt, "attempt") as Record<string, unknown>),
    );
  },
});

function readStored(given: Record<string, unknown>): StoredAttempt {
  const { cachedReadTokens, cachedWriteTokens, promptTokens, completionTokens } = given;
  const tokens = Object.entries({ promptTokens, completionTokens, cachedReadTokens, cachedWriteTokens });
  const counts = readTokens(given);
  return {
    id: readStoredId(given.id),
    provider: readLabel(given.provider, "provider"),
    model: readLabel(given.model, "model"),
    ...Object.fromEntries(
      tokens
        .filter(([, count]) => count !== undefined)
        .map(([name]) => [name, counts[name as keyof typeof counts]]),
    ),
    ...optional(given, "requestId", readLabel),
    ...optional(given, "estimate", readStoredAmounts),
    startedAt: readTime(given.startedAt, "startedAt"),
    ...optional(given, "outcome", (outcome, field) => readOneOf(outcome, field, OUTCOMES)),
    ...optional(given, "endedAt", readTime),
    ...optional(given, "reason", readReason),
  };
}

function readStoredId(value: unknown): string {
  const id = readLabel(value, "id");
  if (Buffer.byteLength(id) > MAX_ID_BYTES) throw invalid("id", `at most ${MAX_ID_BYTES} UTF-8 bytes`);
  return id;
}
