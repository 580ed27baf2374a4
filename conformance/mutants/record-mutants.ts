import type { StoredRecord, Write } from "../../src/index.js";
import { addressing, brokenDriver, type Mutant } from "./mutant.js";

/** Drivers that are wrong about which slot a record belongs in, and about what they keep of it. */
export const recordMutants: readonly Mutant[] = [
  addressing("ignores-users", "identity/each-field-tells-apart", (slot) => ({ ...slot, user: "" })),
  addressing("ignores-runs", "identity/each-field-tells-apart", (slot) => ({ ...slot, run: "" })),
  addressing("keeps-users-state-with-the-tenants", "identity/reserved-makers", (slot) => ({
    ...slot,
    user: slot.session === "~" ? "~" : slot.user,
  })),
  keeping("keeps-seconds", "save/updated-at-milliseconds", (record) => ({
    ...record,
    updatedAt: Math.trunc(record.updatedAt / 1000) * 1000,
  })),
  keeping("keeps-32-bit-versions", "limits/version", (record) => ({
    ...record,
    version: record.version >>> 0,
  })),
  keeping("counts-versions-up", "save/version", (record, before) => ({
    ...record,
    version: before === undefined ? record.version : before.version + 1,
  })),
  keeping("keeps-the-first-record", "save/replaces", (record, before) => before ?? record),
  keeping("keeps-bytes-as-text", "bytes/opaque", (record) => ({
    ...record,
    bytes: Buffer.from(Buffer.from(record.bytes).toString()),
  })),
  keeping("cuts-bytes-at-64-kib", "bytes/large", (record) => ({
    ...record,
    bytes: record.bytes.subarray(0, 65_535),
  })),
  keeping("decodes-what-is-marked-as-base64", "bytes/look-like-something", (record) => {
    const text = Buffer.from(record.bytes).toString("latin1");
    return text.startsWith("base64:") ? { ...record, bytes: Buffer.from(text.slice(7), "base64") } : record;
  }),
  keeping("has-a-byte-for-no-bytes", "bytes/look-like-something", (record) =>
    record.bytes.length === 1 && record.bytes[0] === 0 ? { ...record, bytes: new Uint8Array() } : record,
  ),
  keeping("loses-a-last-chunk-that-is-full", "bytes/sizes", (record) => {
    const whole = Math.max(0, record.bytes.length - 1) % 400_000;
    return record.bytes.length % 400_000 === 0
      ? { ...record, bytes: record.bytes.subarray(0, whole) }
      : record;
  }),
  brokenDriver(
    "takes-kinds-for-files-and-folders",
    "save/only-its-slot",
    (base) =>
      class extends base {
        protected override write(write: Write, now: number): void {
          super.write(write, now);
          if (write.op !== "save") return;
          const folder = write.record.kind.split("/").slice(0, -1).join("/");
          this.space.records.delete(this.slotKey({ ...write.record, kind: folder }));
        }
      },
  ),
];

/** A driver that keeps another record than it was given. */
function keeping(
  id: string,
  breaks: string,
  kept: (record: StoredRecord, before: StoredRecord | undefined) => StoredRecord,
): Mutant {
  return brokenDriver(
    id,
    breaks,
    (base) =>
      class extends base {
        protected override write(write: Write, now: number): void {
          super.write(write.op === "save" ? { ...write, record: this.#kept(write.record) } : write, now);
        }

        #kept(record: StoredRecord): StoredRecord {
          return kept(record, this.space.records.get(this.slotKey(record)));
        }
      },
  );
}
