import type { Write } from "../src/contract/driver.js";

/**
 * The kinds of write where `slotOf` stands for all else that an erase has: `erase` with a slot without a kind is of a
 * session, and `erase slots` has the prefix for a kind.
 */
export const PACKED_OPS = ["save", "delete", "check", "erase", "erase slots"] as const;

export type PackedOp = (typeof PACKED_OPS)[number];

export function packedOpOf(write: Write): PackedOp {
  return write.op === "erase" && write.session === undefined ? "erase slots" : write.op;
}
