import { invalid } from "../contract/errors.js";
import { LIMITS } from "../contract/limits.js";
import type { RetentionCutoffs } from "../typed/retaining/retained-data.js";
import { readNamed } from "../validation/validate.js";

/** How long something is kept: milliseconds, or a number of seconds, minutes, hours, days or weeks, such as `30d`. */
export type Duration = number | `${number}${"s" | "m" | "h" | "d" | "w"}`;

/** How long data of one sort is kept. What is left out is kept as the policy says for all sorts. */
export interface SortPolicy {
  /** Payloads. `forever`: as long as their records. */
  readonly payloads?: Duration | "forever";
  /** Records. */
  readonly records?: Duration | "forever";
}

/** What is kept how long. What is left out is kept for ever. */
export interface RetentionPolicy {
  /**
   * Arguments, inputs, results, answers and texts of errors of what has ended, and events, summaries and state of sessions that
   * are idle: for so long since it ended, or since the session was touched last. What is known about them stays.
   */
  readonly payloads?: Duration;
  /** Everything about what has ended, lineages of checkpoints to which nothing is put any more, and versions of artifacts. */
  readonly records?: Duration;
  /** Sessions that nobody touches, with everything that is stored under their identities. */
  readonly idleSessions?: Duration;
  /** Other times for some sorts of data, by their names. */
  readonly bySort?: Readonly<Record<string, SortPolicy>>;
}

const UNITS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const;
const DURATION = /^(\d{1,12})([smhdw])$/;
const MAX_MS = 1_000 * 365 * UNITS.d;

/** Reads a policy: what it says of each sort. INVALID_RECORD, also for the name of a sort that there is not. */
export function readPolicy(
  policy: unknown,
  sorts: readonly string[],
  now: number,
): (sort: string) => RetentionCutoffs {
  const fields = ["payloads", "records", "idleSessions", "bySort"];
  const given = { ...readNamed(policy, "policy", fields) } as RetentionPolicy;
  const ages = {
    payloads: readAge(given, "payloads"),
    records: readAge(given, "records"),
    idleSessions: readAge(given, "idleSessions"),
  };
  const bySort = "bySort" in given ? readNamed(given.bySort, "bySort", sorts) : {};
  const own = new Map(
    Object.entries(bySort).map(([sort, of]) => {
      const field = `bySort.${sort}`;
      const named = { ...readNamed(of, field, ["payloads", "records"]) } as SortPolicy;
      return [sort, { ...readAges(named, "payloads", field), ...readAges(named, "records", field) }];
    }),
  );
  const before = (age: number | undefined) =>
    age === undefined ? undefined : Math.max(now - age, LIMITS.earliest);
  return (sort) => {
    const all = { payloads: ages.payloads, records: sort === SESSIONS ? ages.idleSessions : ages.records };
    const { payloads, records } = { ...all, ...own.get(sort) };
    const [payloadsBefore, recordsBefore] = [before(payloads), before(records)];
    return {
      ...(payloadsBefore !== undefined && { payloads: payloadsBefore }),
      ...(recordsBefore !== undefined && { records: recordsBefore }),
    };
  };
}

/** For sessions, `idleSessions` says how long records are kept. */
const SESSIONS = "sessions";

function readAge(given: RetentionPolicy, field: "payloads" | "records" | "idleSessions"): number | undefined {
  return field in given ? readDuration(given[field], field) : undefined;
}

/** `undefined`, of a field that is there, stands for ever. */
function readAges<F extends keyof SortPolicy>(given: SortPolicy, field: F, of: string) {
  if (!(field in given)) return {};
  const value = given[field];
  return { [field]: value === "forever" ? undefined : readDuration(value, `${of}.${field}`) };
}

function readDuration(value: unknown, field: string): number {
  const [, count, unit] = (typeof value === "string" && DURATION.exec(value)) || [];
  const ms = unit === undefined ? value : Number(count) * UNITS[unit as keyof typeof UNITS];
  if (Number.isInteger(ms) && (ms as number) >= 0 && (ms as number) <= MAX_MS) return ms as number;
  throw invalid(
    field,
    "a whole number of milliseconds, or one with a unit such as 30d, up to a thousand years",
  );
}
