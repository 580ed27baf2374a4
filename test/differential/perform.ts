import { inspect, isDeepStrictEqual } from "node:util";
import { isStateError } from "../../src/contract/errors.js";
import type { Change, StateRecord, StateStore } from "../../src/contract/store.js";
import { maintenanceScope } from "../../src/identity/scope.js";
import { type Answer, hex, Model, placeOf, plain, type Seen, sessionOf } from "./model.js";
import type { Script, Step } from "./script.js";

/** A store under a name that a failure can be reported by. */
export interface Named {
  readonly name: string;
  readonly store: StateStore;
}

/**
 * Asks each store what the script says, step by step, and compares every answer with the model's, and in the end all
 * that is stored. `wait` lets the window pass.
 */
export async function runScript(
  { world, steps }: Script,
  stores: readonly Named[],
  wait: () => Promise<void> = async () => {},
): Promise<void> {
  const model = new Model();
  try {
    for (const [number, step] of steps.entries()) {
      if (step.ask === "wait") await wait();
      const expected = predict(model, step);
      const answers = stores.map(async ({ name, store }) => {
        mustEqual(
          `${name}, step ${number}, ${inspect(step, { depth: 5 })}`,
          await perform(store, step),
          expected,
        );
      });
      await Promise.all(answers);
    }
    await Promise.all(stores.map((each) => compareContents(each, model, world)));
  } finally {
    // What is left would show in the next script's scans across tenants.
    for (const identity of world.identities) {
      await Promise.all(stores.map(({ store }) => store.erase(sessionOf(identity), { ownState: true })));
    }
  }
}

async function compareContents({ name, store }: Named, model: Model, { identities, kinds }: Script["world"]) {
  for (const identity of identities) {
    const listed = (await store.list(identity, "")).map(seen);
    mustEqual(`${name}, list of ${inspect(identity)} in the end`, listed, model.list(identity, "", {}));
    for (const kind of kinds) {
      const found = await store.find(identity, kind);
      mustEqual(
        `${name}, find ${inspect({ identity, kind })}`,
        found && seen(found),
        model.find(identity, kind),
      );
    }
  }
}

/** Asks it of a store. Rejects where nothing of the model's can be meant, as an erase or a list does. */
export async function perform(store: StateStore, step: Step): Promise<unknown> {
  switch (step.ask) {
    case "wait":
      return undefined;
    case "commit":
      return answered(commit(store, step.changes));
    case "together":
      return Promise.all(step.commits.map((changes) => answered(commit(store, changes))));
    case "erase":
      return step.prefix === undefined
        ? store.erase(sessionOf(step.identity), { ownState: true })
        : store.erase(step.identity, { prefix: step.prefix, ownState: true });
    case "find": {
      const found = await store.find(step.identity, step.kind);
      return found === undefined ? null : seen(found);
    }
    case "loadByEventId":
      return answered(store.loadByEventId(step.identity, step.eventId).then(seen));
    case "list":
      return (await store.list(step.identity, step.prefix, step.query)).map(seen);
    case "listKind": {
      const { tenant, prefix, ask, ...options } = step;
      const reason = "differential";
      const scope = maintenanceScope(
        tenant === undefined ? { reason, allTenants: true } : { reason, tenant },
      );
      return (await store.listKind(scope, prefix, options)).map(seen);
    }
  }
}

/** What a store must answer that has been asked what the model has; the model takes part. */
export function predict(model: Model, step: Step): unknown {
  switch (step.ask) {
    case "wait":
      return model.wait();
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
    case "list":
      return model.list(step.identity, step.prefix, step.query);
    case "listKind":
      return model.listKind(step.tenant, step.prefix, step.after, step.limit);
  }
}

/** Answers of which a store may give any. */
class OneOf {
  readonly answers: readonly unknown[];

  constructor(answers: readonly unknown[]) {
    this.answers = answers;
  }
}

/**
 * Commits that are asked at once take effect in their order where they share a session or an event id, and otherwise in any
 * order. That shows where one erases the session to which the event id of another belongs: it is a duplicate after the erase,
 * and a conflict before. Either way the other writes nothing.
 */
function predictTogether(model: Model, commits: readonly (readonly Change[])[]): unknown {
  const start = model.copy();
  return commits.map((changes, index) => {
    const isApart = (other: readonly Change[]) =>
      !namesOf(other).some((name) => namesOf(changes).includes(name));
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

/** The sessions and event ids that bind a commit to the place in which it was asked. */
function namesOf(changes: readonly Change[]): readonly string[] {
  return changes.flatMap((change) => {
    const { tenant, user, session } = placeOf(change).identity;
    const names = [JSON.stringify([tenant, user, session])];
    return change.op === "save" ? [...names, JSON.stringify([tenant, change.record.eventId])] : names;
  });
}

/** A lone save or delete by the operation of that name, which is to be the same as a commit of it. */
async function commit(store: StateStore, changes: readonly Change[]): Promise<unknown> {
  const [change, ...more] = changes;
  if (change?.op === "save" && more.length === 0) return store.save(change.record, expectation(change));
  if (change?.op === "delete" && more.length === 0) {
    return store.delete(change.identity, change.kind, expectation(change));
  }
  return store.commit(changes);
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

function expectation({ expect }: Exclude<Change, { op: "erase" }>): { expect?: string | null } {
  return expect === undefined ? {} : { expect };
}

async function answered(asked: Promise<unknown>): Promise<Answer> {
  try {
    return { value: await asked };
  } catch (error) {
    if (!isStateError(error)) throw error;
    return { code: error.code, details: error.details };
  }
}

function seen({ eventId, identity, kind, bytes, version, updatedAt }: StateRecord): Seen {
  return {
    eventId,
    identity: plain(identity),
    kind,
    bytes: hex(bytes),
    version,
    updatedAt: updatedAt.getTime(),
  };
}

function mustEqual(what: string, actual: unknown, expected: unknown): void {
  if (isDeepStrictEqual(actual, chosen(actual, expected))) return;
  const show = (value: unknown) => inspect(value, { depth: 6, breakLength: 110 });
  throw new Error(`${what}\nanswered ${show(actual)}\nand not ${show(expected)}`);
}

/** What is expected, of several answers the one that was given. */
function chosen(actual: unknown, expected: unknown): unknown {
  if (!Array.isArray(expected)) return expected;
  return expected.map((each, index) => {
    if (!(each instanceof OneOf)) return each;
    const given = (actual as unknown[])[index];
    return each.answers.find((answer) => isDeepStrictEqual(answer, given)) ?? each.answers[0];
  });
}
