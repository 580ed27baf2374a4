import type { Commit, EraseTarget, Write } from "../contract/driver.js";
import { identityRequired, invalid, isStateError } from "../contract/errors.js";
import { LIMITS } from "../contract/limits.js";
import type { Change } from "../contract/store.js";
import { slotOf, targetOf } from "../rules/decide.js";
import { isInTarget } from "../rules/erase-range.js";
import { compareByIdentity } from "../rules/order.js";
import { slotKey } from "../rules/slot-key.js";
import {
  type RecordLimits,
  readExpect,
  readNamed,
  readObject,
  readRecord,
  validateEraseTarget,
  validateSlot,
} from "./validate.js";

/**
 * Checks a commit: 1 to 4,096 changes of one tenant, no slot and no event id twice, no other change of what it erases. The
 * payloads still use the caller's memory; `CallersPayloads` copies them later.
 */
export function validateCommit(changes: unknown, limits: RecordLimits): Commit {
  if (!Array.isArray(changes)) throw invalid("changes", "an array");
  const { length } = changes;
  if (!Number.isInteger(length) || length < 1 || length > LIMITS.changes) {
    throw invalid("changes", `1 to ${LIMITS.changes} changes`);
  }
  let bytes = 0;
  // By index: an iterator or a Proxy could return more elements than its length.
  const writes = Array.from({ length }, (_, index) => {
    const write = readChangeAt(changes[index], index, limits);
    if (write.op === "save") bytes += write.record.bytes.byteLength;
    if (bytes > LIMITS.commitBytes) throw invalid("changes", `at most ${LIMITS.commitBytes} bytes together`);
    return write;
  });
  return { tenant: readTenant(writes), writes: refuseOverlaps(writes) };
}

/** A commit of one save; its payload still uses the caller's memory. */
export function saveCommit(
  record: unknown,
  options: object,
  limits: RecordLimits,
): Commit & { readonly writes: readonly [Extract<Write, { op: "save" }>] } {
  const write = withExpect({ op: "save", record: readRecord(record, limits) } as const, options);
  return { tenant: write.record.tenant, writes: [write] };
}

/** A commit of one delete. */
export function deleteCommit(identity: unknown, kind: unknown, options: object): Commit {
  const write = withExpect({ op: "delete", slot: validateSlot(identity, kind) }, options);
  return { tenant: slotOf(write).tenant, writes: [write] };
}

/** A commit of one erase. */
export function eraseCommit(identity: unknown, options: object): Commit {
  const target = validateEraseTarget(identity, options);
  return { tenant: target.tenant, writes: [eraseOf(target)] };
}

type EraseWrite = Extract<Write, { op: "erase" }>;

function eraseOf(target: EraseTarget): EraseWrite {
  return "prefix" in target ? { op: "erase", slots: target } : { op: "erase", session: target };
}

/** Reads a change, and adds its index to the error if it is invalid. */
function readChangeAt(value: unknown, change: number, limits: RecordLimits): Write {
  try {
    return readChange(value, limits);
  } catch (error) {
    if (isStateError(error, "INVALID_RECORD")) throw invalid(error.details.field, error.details.rule, change);
    if (isStateError(error, "IDENTITY_REQUIRED")) throw identityRequired(error.details.field, change);
    throw error;
  }
}

function readChange(value: unknown, limits: RecordLimits): Write {
  const { op } = readObject(value, "change") as Partial<Change>;
  switch (op) {
    case "save": {
      const change = readNamed(value, "change", ["op", "record", "expect"]) as Extract<
        Change,
        { op: "save" }
      >;
      return withExpect({ op, record: readRecord(change.record, limits) }, change);
    }
    case "delete": {
      const change = readSlotChange(value);
      return withExpect({ op, slot: validateSlot(change.identity, change.kind) }, change);
    }
    case "check": {
      const change = readSlotChange(value);
      const expect = readExpect(change);
      if (expect === undefined) throw invalid("expect", "given: a check is a condition and nothing else");
      return { op, slot: validateSlot(change.identity, change.kind), expect };
    }
    case "erase": {
      const change = readNamed(value, "change", ["op", "identity", "prefix", "ownState"]);
      return eraseOf(validateEraseTarget((change as { identity?: unknown }).identity, change));
    }
    default:
      throw invalid("op", '"save", "delete", "check" or "erase"');
  }
}

function readSlotChange(value: unknown): { identity?: unknown; kind?: unknown } {
  return readNamed(value, "change", ["op", "identity", "kind", "expect"]);
}

function withExpect<W extends Write>(write: W, options: object): W {
  const expect = readExpect(options);
  return expect === undefined ? write : { ...write, expect };
}

function readTenant(writes: readonly Write[]): string {
  const { tenant } = slotOf(writes[0] as Write);
  if (writes.some((write) => slotOf(write).tenant !== tenant)) throw invalid("changes", "of one tenant");
  return tenant;
}

function refuseOverlaps(writes: readonly Write[]): readonly Write[] {
  const slots = new Set(writes.map((write) => slotKey(slotOf(write))));
  if (slots.size < writes.length) throw invalid("changes", "about different slots");
  const erases = writes.filter((write) => write.op === "erase");
  if (erases.length > 0) refuseErasedChanges(writes, erases);
  const saves = writes.filter((write) => write.op === "save");
  const events = new Set(saves.map((write) => write.record.eventId));
  if (events.size < saves.length) throw invalid("changes", "saves with different event ids");
  return writes;
}

/**
 * Refuses a change of what another one erases. In the order of their slots, whatever an erase covers comes right after it:
 * if it covers anything, then the next change.
 */
function refuseErasedChanges(writes: readonly Write[], erases: readonly EraseWrite[]): void {
  if (erases.length > LIMITS.erases) throw invalid("changes", `at most ${LIMITS.erases} erases`);
  const ordered = writes.map((write) => ({ write, slot: slotOf(write) }));
  ordered.sort((a, b) => compareByIdentity(a.slot, b.slot));
  for (const [index, { write }] of ordered.entries()) {
    const next = ordered[index + 1];
    if (write.op === "erase" && next !== undefined && isInTarget(next.slot, targetOf(write)))
      throw invalid("changes", "of other records than those it erases");
  }
}
