/** @import { StateStore } from "groundstate" */
/** @import { PlainChange, Step } from "./sqlite-scripts.js" */

/**
 * What a record of this event holds.
 *
 * @param {string} eventId
 * @param {number} size
 */
export function bytesOf(eventId, size) {
  return Buffer.alloc(size, eventId);
}

/**
 * Asks a store for a step: whether it was carried out now, had been before, or does not meet its conditions.
 *
 * @param {StateStore} store
 * @param {Step} step
 * @returns {Promise<"done" | "duplicate" | "refused">}
 */
export async function ask(store, { changes, erase }) {
  try {
    if (erase) await store.erase(erase);
    else if (await isReplay(store, changes)) return "duplicate";
    return "done";
  } catch (error) {
    if (error.code === "CONDITION_FAILED") return "refused";
    throw error;
  }
}

async function isReplay(store, changes) {
  const [first, ...others] = changes;
  const condition = "expect" in first ? { expect: first.expect } : {};
  if (others.length > 0) return (await store.commit(changes.map(asChange))).duplicate;
  if (first.op === "save") return (await store.save(recordOf(first), condition)).duplicate;
  await store.delete(first.identity, first.kind, condition);
  return false;
}

/** @param {PlainChange} change */
function asChange(change) {
  const condition = "expect" in change ? { expect: change.expect } : {};
  if (change.op === "save") return { op: "save", record: recordOf(change), ...condition };
  return { op: change.op, identity: change.identity, kind: change.kind, ...condition };
}

function recordOf({ eventId, identity, kind, version, size }) {
  return { eventId, identity, kind, version, bytes: bytesOf(eventId, size) };
}
