import type { CallOptions } from "../contract/store.js";
import { optional } from "../validation/fields.js";
import { readNamed, readOneOf, readSignal } from "../validation/validate.js";
import { isCallOf, readBudgetKey } from "./budget-scope.js";
import { CSV_HEADER, csvLine } from "./csv.js";
import { entryOf, type LedgerEntry } from "./entry.js";
import { readTimeKey } from "./entry-id.js";
import type { OrderedReader } from "./ordered-reader.js";
import { type Period, readPeriod } from "./period.js";

/** What is exported, and how. */
export interface ExportOptions extends Period, CallOptions {
  /** CSV as RFC 4180 has it, with a header; or a JSON object on each line. */
  readonly format: "csv" | "jsonl";
  /** Goes on behind an entry: the `next` of the last piece that was kept. Then there is no header. */
  readonly after?: string;
}

/** A piece of an export: whole lines. */
export interface ExportPiece {
  /** The lines. */
  readonly text: string;
  /** How many entries it holds. */
  readonly entries: number;
  /** The id of its last entry: `after` of an export that goes on behind this piece. Absent of a header alone. */
  readonly next?: string;
}

/** A piece is handed over when it has so many characters or entries. */
const PIECE_LENGTH = 64 * 1024;
const PIECE_ENTRIES = 500;

/** Reads what is asked for, and returns its pieces. INVALID_RECORD, IDENTITY_REQUIRED. */
export function exportEntries(
  reader: OrderedReader,
  scope: unknown,
  options: ExportOptions,
): AsyncGenerator<ExportPiece, void, undefined> {
  const given = readNamed(options, "options", [
    "format",
    "since",
    "until",
    "after",
    "signal",
  ]) as ExportOptions;
  const format = readOneOf(given.format, "format", ["csv", "jsonl"]);
  const range = { ...readPeriod(given), ...optional(given, "after", readTimeKey) };
  const key = readBudgetKey(scope, {});
  const signal = readSignal(given);
  const lines = async function* () {
    for await (const { owner, id, entry } of reader.entries(key.scope, range, signal))
      if (isCallOf(entry, key)) yield entryOf(owner, id, entry);
  };
  const header = format === "csv" && range.after === undefined ? CSV_HEADER : "";
  return pieces(header, lines(), format === "csv" ? csvLine : jsonLine);
}

async function* pieces(
  header: string,
  entries: AsyncIterable<LedgerEntry>,
  lineOf: (entry: LedgerEntry) => string,
): AsyncGenerator<ExportPiece, void, undefined> {
  let piece: ExportPiece = { text: header, entries: 0 };
  try {
    for await (const entry of entries) {
      piece = { text: piece.text + lineOf(entry), entries: piece.entries + 1, next: entry.id };
      if (piece.entries < PIECE_ENTRIES && piece.text.length < PIECE_LENGTH) continue;
      yield piece;
      piece = { text: "", entries: 0 };
    }
  } catch (error) {
    // What was read before a damaged entry is exported all the same.
    if (piece.entries > 0) yield piece;
    throw error;
  }
  if (piece.text !== "") yield piece;
}

function jsonLine(entry: LedgerEntry): string {
  return `${JSON.stringify(entry)}\n`;
}
