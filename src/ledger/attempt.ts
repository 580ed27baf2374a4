import { invalid } from "../contract/errors.js";
import type { InputReader } from "../typed/input-reader.js";
import { readScopedId } from "../typed/names.js";
import { optional } from "../validation/fields.js";
import { readDate, readInteger, readNamed, readOneOf } from "../validation/validate.js";
import {
  AMOUNT_FIELDS,
  type Amounts,
  type AmountsInput,
  type ExactAmounts,
  formatAmounts,
  readLimits,
} from "./amounts.js";
import { type GivenCounts, readLabel, readReason, readTokens } from "./entry.js";
import { TOKEN_COUNTS, type TokenCounts } from "./usage.js";

/** How an attempt ended. `unknown`: nobody can say, for example because its process was killed. */
export const OUTCOMES = ["succeeded", "failed", "cancelled", "timedOut", "unknown"] as const;

/** How an attempt to get an answer ended. */
export type AttemptOutcome = (typeof OUTCOMES)[number];

/** A request to a provider. It is told twice: without an outcome before it is sent, and with one when it has ended. */
export interface AttemptInput extends GivenCounts {
  /** The caller's id of the attempt, 1 to 105 UTF-8 bytes, unique in the turn. */
  readonly id: string;
  /** The number of the turn in the run, 0 or more. */
  readonly turn: number;
  /** Who is asked. */
  readonly provider: string;
  /** The model that is called. */
  readonly model: string;
  /** The provider's id of the request. */
  readonly requestId?: string;
  /** What the attempt is expected to use and to cost. */
  readonly estimate?: AmountsInput;
  /** When it was sent. Default: when it is told first. */
  readonly startedAt?: Date;
  /** How it ended. Left out, it is open. */
  readonly outcome?: AttemptOutcome;
  /** When it ended. Default: when the outcome is told. */
  readonly endedAt?: Date;
  /** Why it ended so, 1 to 1,024 UTF-8 bytes. */
  readonly reason?: string;
}

/** An attempt as it is known. Its tokens are what it used as far as somebody knows, and are never billed by it. */
export interface Attempt extends TokenCounts {
  /** The caller's id. */
  readonly id: string;
  /** The number of the turn. */
  readonly turn: number;
  /** Who was asked. */
  readonly provider: string;
  /** The model that was called. */
  readonly model: string;
  /** The provider's id of the request. */
  readonly requestId?: string;
  /** What it was expected to use and to cost. */
  readonly estimate?: Amounts;
  /** When it was sent. */
  readonly startedAt: Date;
  /** `open` until an outcome is told: it is under way, or its process was killed. */
  readonly status: "open" | AttemptOutcome;
  /** When it ended. */
  readonly endedAt?: Date;
  /** Why it ended so. */
  readonly reason?: string;
}

/** The result of `attempt`. */
export interface AttemptReceipt {
  /** All of it was known: this call changed nothing. */
  readonly duplicate: boolean;
  /** The attempt as it is known now. */
  readonly attempt: Attempt;
}

/** What one call tells of an attempt, checked. */
export interface ToldAttempt extends Partial<TokenCounts> {
  readonly id: string;
  readonly provider: string;
  readonly model: string;
  readonly requestId?: string;
  readonly estimate?: ExactAmounts;
  readonly startedAt?: number;
  readonly outcome?: AttemptOutcome;
  readonly endedAt?: number;
  readonly reason?: string;
}

/** The same with its beginning, as it is stored. */
export type StoredAttempt = ToldAttempt & { readonly startedAt: number };

const FIELDS = [
  ...[
    "id",
    "turn",
    "provider",
    "model",
    "requestId",
    "estimate",
    "startedAt",
    "outcome",
    "endedAt",
    "reason",
  ],
  ...TOKEN_COUNTS,
];

/** Reads what a call tells of an attempt. INVALID_RECORD. */
export function readAttempt(
  value: unknown,
  inputs: InputReader,
): { readonly turn: number; readonly told: ToldAttempt } {
  const given = readNamed(value, "attempt", FIELDS) as Record<string, unknown>;
  const turn = readTurn(given.turn, "turn");
  const told: ToldAttempt = {
    id: readScopedId(given.id, "id"),
    provider: readLabel(given.provider, "provider"),
    model: readLabel(given.model, "model"),
    ...givenTokens(given),
    ...optional(given, "requestId", readLabel),
    ...optional(given, "estimate", (estimate, field) =>
      readLimits(readNamed(estimate, field, [...AMOUNT_FIELDS]) as AmountsInput),
    ),
    ...optional(given, "startedAt", readDate),
    ...optional(given, "outcome", (outcome, field) => readOneOf(outcome, field, OUTCOMES)),
    ...optional(given, "endedAt", readDate),
    ...optional(given, "reason", inputs.text(readReason)),
  };
  if (told.outcome === undefined)
    for (const field of ["endedAt", "reason"] as const)
      if (field in told) throw invalid("outcome", `given where there is ${field}`);
  if (told.startedAt !== undefined && told.endedAt !== undefined && told.endedAt < told.startedAt)
    throw invalid("endedAt", "no earlier than startedAt");
  return { turn, told };
}

/** Reads the number of a turn. */
export function readTurn(value: unknown, field: string): number {
  return readInteger(value, field, 0, Number.MAX_SAFE_INTEGER);
}

function givenTokens(given: Record<string, unknown>): Partial<TokenCounts> {
  const counts = readTokens(given);
  const known = TOKEN_COUNTS.filter((count) => given[count] !== undefined);
  return Object.fromEntries(known.map((count) => [count, counts[count]]));
}

/** An attempt as callers get it. */
export function attemptOf(turn: number, stored: StoredAttempt): Attempt {
  const { outcome, startedAt, endedAt, estimate, ...rest } = stored;
  const counts = TOKEN_COUNTS.map((count) => [count, stored[count] ?? 0]);
  return {
    ...rest,
    ...(Object.fromEntries(counts) as TokenCounts),
    turn,
    ...(estimate && { estimate: formatAmounts(estimate) }),
    startedAt: new Date(startedAt),
    status: outcome ?? "open",
    ...(endedAt === undefined ? {} : { endedAt: new Date(endedAt) }),
  };
}
