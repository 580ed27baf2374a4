import type { Commit } from "../contract/driver.js";

/** The payload bytes of all saves of a commit. */
export function payloadBytes(commit: Commit): number {
  let bytes = 0;
  for (const write of commit.writes) if (write.op === "save") bytes += write.record.bytes.byteLength;
  return bytes;
}
