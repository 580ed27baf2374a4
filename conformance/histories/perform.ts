import {
  type Change,
  isStateError,
  maintenanceScope,
  type RecordHeader,
  type StateRecord,
  type StateStore,
} from "../../src/index.js";
import { type Answer, hex, plain, type Seen, sessionOf } from "./model.js";
import type { Step } from "./step.js";

/** Asks it of a store. Rejects where nothing of the model's can be meant, as an erase or a list does. */
export async function perform(store: StateStore, step: Step): Promise<unknown> {
  switch (step.ask) {
    case "wait":
    case "restart":
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
    case "list": {
      const { identity, prefix, query, bytes } = step;
      if (bytes === false) return (await store.list(identity, prefix, { ...query, bytes })).map(asListed);
      return (await store.list(identity, prefix, query)).map(seen);
    }
    case "pages":
      return inPages(store, step);
    case "count":
      return store.count(step.identity, step.prefix, step.query);
    case "listKind": {
      const { tenant, prefix, after, limit } = step;
      const reason = "random histories";
      const scope = maintenanceScope(
        tenant === undefined ? { reason, allTenants: true } : { reason, tenant },
      );
      return (await store.listKind(scope, prefix, { ...(after && { after }), ...(limit && { limit }) })).map(
        seen,
      );
    }
    case "listSessions":
      return store.listSessions({ tenant: step.tenant, user: step.user }, step.query);
  }
}

/** More pages than this hold no history's records: a store that ends no list would go on for ever. */
const MOST_PAGES = 1_000;

async function inPages(
  store: StateStore,
  { identity, prefix, limit, reverse }: Extract<Step, { ask: "pages" }>,
): Promise<readonly Seen[]> {
  const all: Seen[] = [];
  for (let pages = 0; pages < MOST_PAGES; pages++) {
    const last = all.at(-1)?.kind;
    const bound = last === undefined ? {} : reverse ? { before: last } : { after: last };
    const page = await store.list(identity, prefix, { limit, reverse, ...bound });
    all.push(...page.map(seen));
    if (page.length < limit) break;
  }
  return all;
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

function expectation({ expect }: Exclude<Change, { op: "erase" }>): { expect?: string | null } {
  return expect === undefined ? {} : { expect };
}

/** What it answers, the code and details of an error in its place. */
export async function answered(asked: Promise<unknown>): Promise<Answer> {
  try {
    return { value: await asked };
  } catch (error) {
    if (!isStateError(error)) throw error;
    return { code: error.code, details: error.details };
  }
}

function seen(record: StateRecord): Seen {
  return { ...header(record), bytes: hex(record.bytes) };
}

/** With a payload, if there is one that nobody asked for. */
function asListed(record: RecordHeader): object {
  return "bytes" in record ? { ...header(record), bytes: record.bytes } : header(record);
}

function header({ eventId, identity, kind, version, updatedAt }: RecordHeader): Omit<Seen, "bytes"> {
  return { eventId, identity: plain(identity), kind, version, updatedAt: updatedAt.getTime() };
}
