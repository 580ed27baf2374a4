import type { Identity } from "../../dist/src/index.js";
import type { NewLedgerEntry } from "../../dist/src/ledger/index.js";
import { randomIntegers } from "./random.js";
import { NAMES, OFFSET } from "./slots.js";
import { Tally } from "./tally.js";

/** What the filled ledgers hold: a year of one tenant, whose users are all busy all the time. */
export const TENANT = "tenant-10";
export const USERS = Array.from({ length: 50 }, (_, user) => `${NAMES.user}${OFFSET.user + user}`);
const PROVIDERS = 5;
const MODELS = 20;
const SESSION_ENTRIES = 100;

export const YEAR = { since: new Date("2025-01-01"), until: new Date("2026-01-01") };
const YEAR_MS = YEAR.until.getTime() - YEAR.since.getTime();

/** A model call as it is recorded. */
export interface Call {
  readonly identity: Identity;
  readonly entry: NewLedgerEntry & { readonly at: Date; readonly cost: string };
}

/** One of so many, spread evenly over the year; the same ones in every run. */
export function callAt(index: number, count: number): Call {
  const user = index % USERS.length;
  const session = Math.floor(index / USERS.length / SESSION_ENTRIES) * USERS.length + user;
  const draw = randomIntegers(index);
  const model = draw(MODELS);
  return {
    identity: {
      tenant: TENANT,
      user: USERS[user] as string,
      session: `${NAMES.session}${OFFSET.session + session}`,
    },
    entry: {
      provider: `provider-${model % PROVIDERS}`,
      model: `model-${10 + model}`,
      promptTokens: 1_000 + draw(9_000),
      completionTokens: 100 + draw(900),
      cachedReadTokens: 1_000 + draw(9_000),
      cachedWriteTokens: 100 + draw(900),
      cost: `0.0${10_000_000_000 + draw(90_000_000_000)}`,
      responseId: `response-${String(index).padStart(20, "0")}`,
      at: new Date(YEAR.since.getTime() + Math.floor((index / count) * YEAR_MS)),
    },
  };
}

/** As many bytes as the ledger stores of a call itself. */
export function bytesOf({ identity, entry }: Call): Buffer {
  const { session } = identity;
  return Buffer.from(JSON.stringify({ session, ...entry, priced: true, tags: [], at: entry.at.getTime() }));
}

/** What a ledger is asked. */
export interface Question {
  readonly by: "model" | "day";
  readonly since: Date;
  readonly until: Date;
}

export const QUESTIONS: Readonly<Record<string, Question>> = {
  "by model": { by: "model", ...YEAR },
  "by day": { by: "day", ...YEAR },
  "by model, from within a day to within another": {
    by: "model",
    since: new Date("2025-01-15T10:00:00Z"),
    until: new Date("2025-11-20T15:00:00Z"),
  },
};

/** The answer by the calls themselves, whatever was stored of them. */
export function answerTo(question: Question, count: number): Tally {
  const tally = new Tally(question);
  for (let index = 0; index < count; index++) {
    const { entry } = callAt(index, count);
    tally.add({ ...entry, at: entry.at.getTime() });
  }
  return tally;
}
