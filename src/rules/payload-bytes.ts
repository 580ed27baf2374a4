import type { Commit } from "../contract/driver.js";

/** Of everything it saves. */
export function payloadBytes(commit: Commit): number {
  let bytes = 0;
  for (const write of commit.writes) if (write.op === "save") bytes += write.record.bytes.byteLength;
  return bytes;
}
