import type { MovingRecords, SessionMove } from "../typed/moving/user-data.js";
import { itemPrefix } from "../typed/names.js";
import type { Transaction } from "../typed/transaction.js";
import type { LifecycleRecords } from "./records.js";
import type { LifecycleState } from "./stored.js";

/** How the records of a lifecycle move to another user: each with its parts, its lists and what is attached to it. */
export function movingRecords<S extends LifecycleState, C, V>(
  records: LifecycleRecords<S, C, V>,
): readonly MovingRecords[] {
  const { declared, index } = records;
  const prefix = itemPrefix(declared.name);
  const parts = [declared.contentName, declared.given.laterPart?.name].filter((part) => part !== undefined);
  return [
    {
      kind: prefix,
      isCounted: true,
      attached: ({ kind }) => {
        const id = kind.slice(prefix.length);
        return {
          kinds: parts.map((part) => `${declared.name}.${part}/${id}`),
          prefixes: [...(declared.given.attached?.(id) ?? []), ...(declared.given.largeContent?.(id) ?? [])],
        };
      },
      alongside: (transaction, { kind }, move) =>
        moveEntries(records, transaction, kind.slice(prefix.length), move),
    },
    ...parts.map((part) => ({ kind: itemPrefix(`${declared.name}.${part}`), isAttached: true })),
    ...index.namesUnder("session").map((name) => ({ kind: itemPrefix(name), isIndex: true })),
  ];
}

/** Writes all entries of a record anew. */
async function moveEntries<S extends LifecycleState, C, V>(
  records: LifecycleRecords<S, C, V>,
  transaction: Transaction,
  id: string,
  move: SessionMove,
): Promise<void> {
  const { declared, index, due, locations } = records;
  const [from, to] = [
    { identity: move.from, id },
    { identity: move.to, id },
  ];
  const whole = await records.readIn(transaction, from);
  if (whole === undefined) return;
  const { state, content } = whole;
  const { status, createdAt } = state;
  const groups = index.groupsOf({ state, content });
  for (const cell of index.cellsOf({ key: from, status, createdAt, groups })) transaction.delete(cell);
  await index.move(transaction, to, undefined, { state, content });
  due?.remove(transaction, from, state);
  await due?.move(transaction, to, { before: undefined, now: state, groups });
  if (locations) transaction.delete(locations.cell(from, createdAt));
  await locations?.write(transaction, to, createdAt);
  await declared.given.moved?.(transaction, from, to, { state, content });
}
