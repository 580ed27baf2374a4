import { isDeepStrictEqual } from "node:util";
import type { Change } from "../../src/index.js";
import { type Model, placeOf, sessionOf } from "./model.js";
import type { Step } from "./step.js";

/** What a store must answer that has been asked what the model has; the model takes part. */
export function predict(model: Model, step: Step): unknown {
  switch (step.ask) {
    case "wait":
      return model.wait();
    case "restart":
      return undefined;
    case "commit":
      return predictCommit(model, step.changes);
    case "together":
      return predictTogether(model, step.commits);
    case "erase":
      return model.erase(step.identity, step.prefix);
    case "find":
      return model.find(step.identity, step.kind) ?? null;
    case "loadByEventId":
      return model.loadByEventId(step.identity, step.eventId);
    case "list": {
      const found = model.list(step.identity, step.prefix, step.query);
      return step.bytes === false ? found.map(({ bytes: _, ...header }) => header) : found;
    }
    case "pages":
      return model.list(step.identity, step.prefix, { reverse: step.reverse });
    case "count":
      return model.list(step.identity, step.prefix, step.query).length;
    case "listKind":
      return model.listKind(step.tenant, step.prefix, step.after, step.limit);
    case "listSessions":
      return model.listSessions(step.tenant, step.user, step.query);
  }
}

/** Answers of which a store may give any. */
class OneOf {
  readonly answers: readonly unknown[];

  constructor(answers: readonly unknown[]) {
    this.answers = answers;
  }
}

/** What is expected, of several answers the one that was given. */
export function chosen(actual: unknown, expected: unknown): unknown {
  if (!Array.isArray(expected)) return expected;
  return expected.map((each, index) => {
    if (!(each instanceof OneOf)) return each;
    const given = (actual as unknown[])[index];
    return each.answers.find((answer) => isDeepStrictEqual(answer, given)) ?? each.answers[0];
  });
}

/**
 * Commits that are asked at once take effect in their order where they share a slot or an event id, or one erases where the
 * other writes, and otherwise in any order. That shows where one erases the session to which the event id of another belongs: it is a duplicate after the erase,
 * and a conflict before. Either way the other writes nothing.
 */
function predictTogether(model: Model, commits: readonly (readonly Change[])[]): unknown {
  const start = model.copy();
  return commits.map((changes, index) => {
    const isApart = (other: readonly Change[]) =>
      !other.some((one) => changes.some((another) => keepOrder(one, another)));
    const after = (earlier: readonly (readonly Change[])[]) => {
      const other = start.copy();
      for (const each of earlier) other.commit(each);
      return predictCommit(other, changes);
    };
    const before = commits.slice(0, index);
    const first = after(before.filter((other) => !isApart(other)));
    const last = after([...before, ...commits.slice(index + 1).filter(isApart)]);
    return new OneOf([predictCommit(model, changes), ...[first, last].filter(writesNothing)]);
  });
}

function writesNothing(answer: unknown): boolean {
  const { code, value } = answer as { code?: string; value?: { duplicate?: boolean } };
  return code === "IDEMPOTENCY_CONFLICT" || value?.duplicate === true;
}

/** Whether two changes, of two commits, take effect in the order in which they were asked. */
function keepOrder(one: Change, another: Change): boolean {
  const [place, other] = [placeOf(one), placeOf(another)];
  if (place.identity.tenant !== other.identity.tenant) return false;
  const isOfSession = isDeepStrictEqual(sessionOf(place.identity), sessionOf(other.identity));
  const isOfSlot = isOfSession && place.identity.run === other.identity.run && place.kind === other.kind;
  const isErase = one.op === "erase" || another.op === "erase";
  const idOf = (change: Change) => (change.op === "save" ? change.record.eventId : undefined);
  return isOfSlot || (isErase && isOfSession) || (idOf(one) !== undefined && idOf(one) === idOf(another));
}

function predictCommit(model: Model, changes: readonly Change[]): unknown {
  const [change, ...more] = changes;
  const isDelete = change?.op === "delete" && more.length === 0;
  const had = isDelete && model.has(change.identity, change.kind);
  const answer = model.commit(changes);
  if ("code" in answer) return answer;
  if (isDelete) return { value: had };
  const isSave = change?.op === "save" && more.length === 0;
  return isSave ? { value: (answer.value as { receipts: unknown[] }).receipts[0] } : answer;
}
