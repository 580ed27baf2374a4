import type { SessionIdentity } from "../contract/store.js";
import { type Cell, cellAt } from "../typed/cell.js";
import { json } from "../typed/codec.js";
import type { JsonValue } from "../typed/json-value.js";
import { itemKind } from "../typed/names.js";

/** The collection of a session's summaries. */
export const SUMMARIES = "session.summary";

const NUMBER_DIGITS = 16;
const SUMMARY = json<JsonValue>();

/** The cell of the summary up to a number. */
export function summaryCell(owner: SessionIdentity, upTo: number): Cell<JsonValue> {
  return cellAt(owner, itemKind(SUMMARIES, summaryId(upTo)), SUMMARY);
}

/** The id of a summary in its collection: ids are in the order of numbers. */
export function summaryId(upTo: number): string {
  return String(upTo).padStart(NUMBER_DIGITS, "0");
}
