import { createHash } from "node:crypto";
import type { StoredRecord } from "./driver.js";

const DOMAIN = "groundstate/record/1";

/**
 * SHA-256 over a domain tag, then event id, slot, version and bytes, each text preceded by its length, so that no
 * two writes run together. It says whether two writes are the same one, and whether a stored record is what was
 * written.
 */
export function fingerprint(record: Omit<StoredRecord, "fingerprint" | "updatedAt">): Uint8Array {
  const texts = [DOMAIN, record.eventId, record.tenant, record.user, record.session, record.run, record.kind];
  const head = Buffer.allocUnsafe(texts.reduce((sum, text) => sum + 2 + text.length * 3, 8));
  let at = 0;
  for (const text of texts) {
    const length = head.write(text, at + 2);
    head.writeUInt16BE(length, at);
    at += 2 + length;
  }
  head.writeBigUInt64BE(BigInt(record.version), at);
  return createHash("sha256")
    .update(head.subarray(0, at + 8))
    .update(record.bytes)
    .digest();
}
