import type { PackedOp } from "../../../packed-op.js";

const OF_SESSION: PackedOp = "erase";
const OF_SLOTS: PackedOp = "erase slots";

/** Greater than every run and kind, also behind a prefix: the same text as in `eraseRange`. */
export const AFTER_ALL = "repeat(chr(1114111), 129)";

/** Where the slots of an erase end; they begin at its run and kind. */
export function endOfErase(
  op: string,
  run: string,
  kind: string,
): { readonly run: string; readonly kind: string } {
  const isOfSession = `${op} = '${OF_SESSION}'`;
  return {
    run: `CASE WHEN ${isOfSession} THEN ${AFTER_ALL} ELSE ${run} END`,
    kind: `CASE WHEN ${isOfSession} THEN '' ELSE ${kind} || ${AFTER_ALL} END`,
  };
}

export function isErase(op: string): string {
  return `${op} IN ('${OF_SESSION}', '${OF_SLOTS}')`;
}
