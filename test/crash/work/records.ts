import type { Identity, NewRecord, StateRecord, StateStore } from "../../../src/index.js";
import { newEventId } from "../../../src/index.js";

const PAGE = 1000;

/** A session for one kind of work. */
export function sessionOf(work: string): Identity {
  return { tenant: "acme", user: "ann", session: work };
}

/** A new event. */
export function event(identity: Identity, kind: string, text: string, version = 0): NewRecord {
  return { eventId: newEventId(), identity, kind, version, bytes: Buffer.from(text) };
}

export function textOf(record: StateRecord): string {
  return Buffer.from(record.bytes).toString();
}

/** Every record of an identity, in pages that no deadline is too short for. */
export async function everyRecord(store: StateStore, identity: Identity): Promise<StateRecord[]> {
  const found: StateRecord[] = [];
  for (;;) {
    const last = found.at(-1);
    const page = await store.list(identity, "", { limit: PAGE, ...(last && { after: last.kind }) });
    found.push(...page);
    if (page.length < PAGE) return found;
  }
}
