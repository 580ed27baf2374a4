import type { SessionMove, UserData } from "../typed/moving/user-data.js";
import type { Transaction } from "../typed/transaction.js";
import { LARGE_PREFIXES } from "./large-events.js";
import { EVENTS } from "./session-head.js";
import { entryCellsOf, entryOf, writeEntries } from "./session-lists.js";
import type { SessionRecords } from "./session-records.js";

/** How sessions move to another user. */
export function movingSessions(
  records: SessionRecords,
): Pick<Required<UserData>, "records" | "gated" | "ownPrefixes"> {
  return {
    records: [
      {
        kind: SESSION,
        isCounted: true,
        alongside: (transaction, _, move) => moveEntriesOf(records, transaction, move),
      },
    ],
    // Every writer of an event changes the head, or the record of edits. What is being uploaded for one is copied too, and left
    // to `cleanup` there.
    gated: [
      {
        gates: [SESSION, EVENTS, EDITS],
        bulk: [`${EVENTS}/`, ...LARGE_PREFIXES],
        gateOf: () => EVENTS,
        isErased: true,
      },
    ],
    ownPrefixes: ["session."],
  };
}

const SESSION = "session";
const EDITS = "session.edits";

/** Writes the entries in the lists of the user anew. */
async function moveEntriesOf(
  records: SessionRecords,
  transaction: Transaction,
  { from, to }: SessionMove,
): Promise<void> {
  // A version before 0.5 stored it in another form, which says less than the entries do.
  await records.upgrade(transaction, from);
  const { activity } = await records.get(transaction, from);
  for (const cell of entryCellsOf(from, entryOf(activity))) transaction.delete(cell);
  writeEntries(transaction, to, activity);
}
