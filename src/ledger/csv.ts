import type { LedgerEntry } from "./entry.js";

/** The columns that hold what the ledger has written: numbers, times and flags. */
const OWN_COLUMNS = [
  "id",
  "at",
  "promptTokens",
  "completionTokens",
  "cachedReadTokens",
  "cachedWriteTokens",
  "cost",
  "currency",
  "priced",
  "charged",
  "turn",
  "adjusts",
] as const;

/** The columns that hold what callers have given. */
const TEXT_COLUMNS = [
  "tenant",
  "user",
  "session",
  "run",
  "provider",
  "model",
  "runName",
  "responseId",
  "eventId",
  "reservation",
  "reason",
  "tags",
  "units",
] as const;

/** RFC 4180. */
const LINE_END = "\r\n";

/**
 * A text that a spreadsheet takes for a formula, also behind spaces and in the wide forms of these signs: see "CSV
 * Injection" of OWASP.
 */
const FORMULA = /^'*\s*[=+\-@\uFF1D\uFF0B\uFF0D\uFF20]|^'*[\t\r\n]/;

/** The names of the columns, as a line. */
export const CSV_HEADER = [...OWN_COLUMNS, ...TEXT_COLUMNS].join(",") + LINE_END;

/** An entry as a line of CSV. */
export function csvLine(entry: LedgerEntry): string {
  const own = OWN_COLUMNS.map((column) => textOf(entry[column]));
  const given = TEXT_COLUMNS.map((column) => unlikeFormula(textOf(entry[column])));
  return [...own, ...given].map(quoted).join(",") + LINE_END;
}

function textOf(value: LedgerEntry[keyof LedgerEntry]): string {
  if (value === undefined) return "";
  if (value instanceof Date) return value.toISOString();
  if (typeof value !== "object") return String(value);
  return Object.keys(value).length === 0 ? "" : JSON.stringify(value);
}

/** With a quote in front of what could be a formula. Taking one quote away gives the text back. */
function unlikeFormula(text: string): string {
  return FORMULA.test(text) ? `'${text}` : text;
}

function quoted(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
