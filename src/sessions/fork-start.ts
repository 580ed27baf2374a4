import type { SessionIdentity } from "../contract/store.js";
import { corruptRecord } from "../typed/cell.js";
import { readTime } from "../validation/fields.js";
import { readBoolean, readInteger, readObject } from "../validation/validate.js";
import { type FillingMark, markCell } from "./filling-mark.js";

/** What was seen of the source of a fork. */
export interface ForkStart {
  /** The number of the last event to copy; 0 for none. */
  readonly upTo: number;
  /** The number of the first event that was copied; above `upTo` if there was none. */
  readonly lowest: number;
  /** The same without those that were trimmed since. */
  readonly first: number;
  /** When the source was created: a later session of its name is another. */
  readonly createdAt: number;
  /** How many edits of its events there had been. */
  readonly edits: number;
  /** Whether there is a record of edits, which may count none. */
  readonly hasEdits: boolean;
}

/** CORRUPT. */
export function readForkStart({ about }: FillingMark, owner: SessionIdentity): ForkStart {
  try {
    const given = readObject(about, "about") as ForkStart;
    return {
      upTo: readNumber(given.upTo, "upTo"),
      lowest: readNumber(given.lowest, "lowest"),
      first: readNumber(given.first, "first"),
      createdAt: readTime(given.createdAt, "createdAt"),
      edits: readNumber(given.edits, "edits"),
      hasEdits: readBoolean(given.hasEdits, "hasEdits"),
    };
  } catch (error) {
    throw corruptRecord(markCell(owner), "the mark of a fork does not decode", error);
  }
}

function readNumber(value: unknown, field: string): number {
  return readInteger(value, field, 0, Number.MAX_SAFE_INTEGER);
}
