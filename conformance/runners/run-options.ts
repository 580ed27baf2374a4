import { invalid } from "../../src/contract/errors.js";
import { readInteger, readOptions } from "../../src/validation/validate.js";
import type { ConformanceCase, Harness } from "../harness/case.js";
import { historyCases } from "./history-cases.js";
import { readRange } from "./history-options.js";
import { moduleUrl, readBoolean, readFunction, readHarness, readString } from "./read-harness.js";
import type { CaseResult, Mode, Subject } from "./report.js";
import { DEFAULT_CONCURRENCY, DEFAULT_TIMEOUT_MS, MOST_CONCURRENCY, MOST_TIMEOUT_MS } from "./run-bounds.js";
import { suiteOf } from "./suite.js";

/** What is run, and how. */
export interface RunOptions {
  /** Only cases whose id contains one of these. Each must be part of one id at least. */
  readonly only?: string | readonly string[];
  /** Where other processes can import the harness from, as their default import: a path or a file URL. */
  readonly modulePath?: string;
  /**
   * Runs every case beside another's data: other tenants with the same users, sessions, kinds and event ids, and in the
   * case's tenant users and sessions whose names come close. What becomes of that data is judged after the case, and
   * at the end of the run once more.
   */
  readonly beside?: boolean;
  /**
   * Runs the rules of the typed layer over the harness's stores, and not those of the contract: what sessions, approvals,
   * the ledger and the other wrappers promise to their callers.
   */
  readonly typed?: boolean;
  /**
   * Runs random histories behind the cases, so many of each kind (of `histories/processes` a tenth), until one fails. With
   * `minutes` as well, until the first of both is reached.
   */
  readonly seeds?: number;
  /** Runs random histories behind the cases for so long. */
  readonly minutes?: number;
  /**
   * The seed of the first random history; the others have those that follow. Random unless given. Alone, it runs the
   * history of this seed and no other. 0 to 4,294,967,295.
   */
  readonly seed?: number;
  /** How long one case may take. Default 20,000. One that starts processes may take three times as long. */
  readonly timeoutMs?: number;
  /** How many cases run side by side. Default 4. */
  readonly concurrency?: number;
  /** Begin no case after one has failed. For `runConformance`; test runners have a way of their own. */
  readonly bail?: boolean;
  /**
   * Called when a case has ended: soon, and so not in the order of the suite. Called again for one that turns out to
   * have failed when the run ends beside another's data. For `runConformance`.
   */
  readonly onResult?: (result: CaseResult) => void;
}

/** What a run is about, read and checked once. */
export interface RunPlan extends Subject {
  readonly cases: readonly ConformanceCase[];
  /** Where other processes import the harness from: a file URL. */
  readonly module: string | undefined;
  readonly timeoutMs: number;
  readonly concurrency: number;
  readonly bail: boolean;
  readonly onResult: ((result: CaseResult) => void) | undefined;
  /** Runs each case that is begun. */
  readonly around?: <T>(id: string, run: () => Promise<T>) => Promise<T>;
}

const OPTIONS = [
  ...["only", "modulePath", "beside", "typed", "timeoutMs", "concurrency", "bail", "onResult"],
  ...["seeds", "minutes", "seed"],
];

/** A slip in an option must not run less than was asked for, and say that all is well. */
export function planOf(harness: Harness, options: RunOptions | undefined): RunPlan {
  const given: RunOptions = readOptions(options, OPTIONS);
  const { only = "", modulePath, timeoutMs = DEFAULT_TIMEOUT_MS, concurrency = DEFAULT_CONCURRENCY } = given;
  const typed = readBoolean(given.typed, "typed");
  const limitMs = readInteger(timeoutMs, "timeoutMs", 1, MOST_TIMEOUT_MS);
  const range = readRange(given);
  const histories = range ? historyCases(range, limitMs) : [];
  return {
    harness: readHarness(harness),
    cases: readOnly(only, [...suiteOf(typed), ...histories]),
    typed,
    ...(range && { seed: range.first }),
    mode: modeOf(readBoolean(given.beside, "beside")),
    module: modulePath === undefined ? undefined : moduleUrl(readString(modulePath, "modulePath")),
    timeoutMs: limitMs,
    concurrency: readInteger(concurrency, "concurrency", 1, MOST_CONCURRENCY),
    bail: readBoolean(given.bail, "bail"),
    onResult: given.onResult === undefined ? undefined : readFunction(given.onResult, "onResult"),
  };
}

export function modeOf(beside: boolean | undefined): Mode {
  return beside ? "beside" : "plain";
}

/** The cases whose id contains the text. */
export function casesWith<C extends Pick<ConformanceCase, "id">>(
  text: string,
  suite: readonly C[],
): readonly C[] {
  return suite.filter(({ id }) => id.includes(text));
}

function readOnly(only: unknown, suite: readonly ConformanceCase[]): readonly ConformanceCase[] {
  const wanted: unknown[] = Array.isArray(only) ? only : [only];
  const found = wanted.map((text) => (typeof text === "string" ? casesWith(text, suite) : []));
  if (found.length === 0 || found.some(({ length }) => length === 0))
    throw invalid("only", "text that the id of a case contains, or a list of such texts");
  const selected = new Set(found.flat());
  return suite.filter((each) => selected.has(each));
}
