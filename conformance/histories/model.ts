import {
  type Change,
  type Identity,
  type NewRecord,
  type SessionIdentity,
  userIdentity,
} from "../../src/index.js";

/** What a caller sees of a record, as data that compares; the payload in hexadecimal digits. */
export interface Seen {
  readonly eventId: string;
  readonly identity: Identity;
  readonly kind: string;
  readonly bytes: string;
  readonly version: number;
  readonly updatedAt: number;
}

/** An answer of a store: what it returned, or the code and details of its error. */
export type Answer = { readonly value: unknown } | { readonly code: string; readonly details: unknown };

interface Memory {
  /** `undefined` once the record was erased. */
  readonly content: string | undefined;
  readonly slot: string;
  readonly phase: number;
}

export interface ListQuery {
  readonly from?: string;
  readonly after?: string;
  readonly before?: string;
  readonly limit?: number;
  readonly reverse?: boolean;
}

export interface SessionsQuery {
  readonly prefix?: string;
  readonly after?: string;
  readonly limit?: number;
}

/**
 * The rules of the store, written down once more in the plainest way, from the design and not from the code. Time is
 * a number of phases, each as long as the window at least and everything within one being at once.
 */
export class Model {
  #records = new Map<string, Seen>();
  #events = new Map<string, Memory>();
  #phase = 0;

  /** A model of its own that knows the same. */
  copy(): Model {
    const copy = new Model();
    copy.#records = new Map(this.#records);
    copy.#events = new Map(this.#events);
    copy.#phase = this.#phase;
    return copy;
  }

  /** The same text for models that answer everything alike. */
  key(): string {
    const records = [...this.#records].map(
      ([key, { eventId, updatedAt }]) => `${key} ${eventId} ${updatedAt}`,
    );
    const events = [...this.#events].map(
      ([key, { slot, phase, content }]) => `${key} ${slot} ${phase} ${content}`,
    );
    return `${this.#phase}\n${records.sort().join("\n")}\n\n${events.sort().join("\n")}`;
  }

  /** The window passes. */
  wait(): void {
    this.#phase++;
  }

  commit(changes: readonly Change[]): Answer {
    const saves = changes.flatMap((change) => (change.op === "save" ? [change.record] : []));
    const stands = changes.map((change) =>
      change.op === "save" ? this.#standing(change.record) : "no save",
    );
    const other = stands.indexOf("other");
    if (other >= 0) return conflict(other);
    const same = stands.filter((standing) => standing === "same").length;
    if (same > 0 && same < saves.length) return conflict(stands.indexOf("same"));
    const erases = changes.flatMap((change) =>
      change.op === "erase"
        ? [{ identity: change.identity, prefix: "prefix" in change ? change.prefix : undefined }]
        : [],
    );
    const deleted = changes.flatMap((change) =>
      change.op === "delete" ? this.has(change.identity, change.kind) : [],
    );
    const receipt = (duplicate: boolean, erased: readonly number[]) => ({
      value: {
        duplicate,
        receipts: saves.map(({ eventId }) => ({ eventId, duplicate })),
        ...(deleted.length > 0 && !duplicate && { deleted }),
        ...(erases.length > 0 && { erased }),
      },
    });
    if (same > 0)
      return receipt(
        true,
        erases.map(() => 0),
      );
    for (const [index, change] of changes.entries()) {
      if (change.op === "erase" || change.expect === undefined) continue;
      const { identity, kind } = placeOf(change);
      const current = this.#records.get(slot(identity, kind))?.eventId ?? null;
      if (current === change.expect) continue;
      const details = { change: index, identity: plain(identity), kind, current };
      return { code: "CONDITION_FAILED", details };
    }
    for (const change of changes) this.#carryOut(change);
    return receipt(
      false,
      erases.map(({ identity, prefix }) => this.erase(identity, prefix)),
    );
  }

  /** Whether a delete would find something; to be asked before it is made. */
  has(identity: Identity, kind: string): boolean {
    return this.#records.has(slot(identity, kind));
  }

  find(identity: Identity, kind: string): Seen | undefined {
    return this.#records.get(slot(identity, kind));
  }

  loadByEventId(identity: Identity, eventId: string): Answer {
    const found = this.all().find(
      (record) => record.eventId === eventId && session(record.identity) === session(identity),
    );
    return found ? { value: found } : { code: "NOT_FOUND", details: {} };
  }

  list(
    identity: Identity,
    prefix: string,
    { from, after, before, limit, reverse }: ListQuery,
  ): readonly Seen[] {
    const found = this.all()
      .filter((record) => slot(record.identity, "") === slot(identity, ""))
      .filter(({ kind }) => kind.startsWith(prefix))
      .filter(({ kind }) => from === undefined || byBytes(kind, from) >= 0)
      .filter(({ kind }) => after === undefined || byBytes(kind, after) > 0)
      .filter(({ kind }) => before === undefined || byBytes(kind, before) < 0)
      .sort((a, b) => byBytes(a.kind, b.kind));
    if (reverse) found.reverse();
    return found.slice(0, limit);
  }

  listKind(
    tenant: string | undefined,
    prefix: string,
    after: Place | undefined,
    limit?: number,
  ): readonly Seen[] {
    return this.all()
      .filter(({ identity }) => tenant === undefined || identity.tenant === tenant)
      .filter(({ kind }) => kind.startsWith(prefix))
      .filter((record) => after === undefined || byKind(record, after) > 0)
      .sort(byKind)
      .slice(0, limit);
  }

  listSessions(
    tenant: string,
    user: string,
    { prefix = "", after, limit }: SessionsQuery,
  ): readonly SessionIdentity[] {
    const own = session(userIdentity(tenant, user));
    const found = this.all()
      .map(({ identity }) => identity)
      .filter((identity) => identity.tenant === tenant && identity.user === user && session(identity) !== own)
      .map(({ session }) => session)
      .filter((name) => name.startsWith(prefix) && (after === undefined || byBytes(name, after) > 0));
    return [...new Set(found)]
      .sort(byBytes)
      .slice(0, limit)
      .map((name) => ({ tenant, user, session: name }));
  }

  /** Of the whole session, or of exactly this identity what begins with the prefix. */
  erase(identity: Identity, prefix?: string): number {
    const gone = this.all().filter((record) =>
      prefix === undefined
        ? session(record.identity) === session(identity)
        : slot(record.identity, "") === slot(identity, "") && record.kind.startsWith(prefix),
    );
    for (const { identity, kind, eventId } of gone) {
      this.#records.delete(slot(identity, kind));
      const key = event(identity, eventId);
      const memory = this.#events.get(key);
      if (memory) this.#events.set(key, { ...memory, content: undefined });
    }
    return gone.length;
  }

  all(): Seen[] {
    return [...this.#records.values()];
  }

  #standing({ eventId, identity, kind, ...content }: NewRecord): "new" | "same" | "other" {
    const memory = this.#events.get(event(identity, eventId));
    if (memory === undefined) return "new";
    const isCurrent = this.#records.get(memory.slot)?.eventId === eventId;
    if (!isCurrent && memory.phase < this.#phase) return "new";
    if (memory.content === undefined) return "same";
    return memory.slot === slot(identity, kind) && memory.content === contentOf(content) ? "same" : "other";
  }

  #carryOut(change: Change): void {
    const { identity, kind } = placeOf(change);
    if (change.op === "delete") this.#records.delete(slot(identity, kind));
    if (change.op !== "save") return;
    const { eventId, bytes, version = 0, updatedAt } = change.record;
    const at = { slot: slot(identity, kind), phase: this.#phase };
    this.#events.set(event(identity, eventId), { ...at, content: contentOf(change.record) });
    const seen = { eventId, kind, version, updatedAt: Number(updatedAt), bytes: hex(bytes) };
    this.#records.set(at.slot, { ...seen, identity: plain(identity) });
  }
}

export interface Place {
  readonly identity: Identity;
  readonly kind: string;
}

export function placeOf(change: Change): Place {
  if (change.op === "erase") return { ...change, kind: "prefix" in change ? change.prefix : "" };
  return change.op === "save" ? change.record : change;
}

/** Without the run. The identity of a user has none, and a copy of it would not be one. */
export function sessionOf(identity: Identity): SessionIdentity {
  if (identity.run === undefined) return identity;
  const { run: _, ...session } = identity;
  return session;
}

/** An identity as it comes back. */
export function plain({ tenant, user, session, run }: Identity): Identity {
  return run ? { tenant, user, session, run } : { tenant, user, session };
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

/** The order of a scan across identities. */
function byKind(a: Place, b: Place): number {
  return (
    byBytes(a.identity.tenant, b.identity.tenant) ||
    byBytes(a.kind, b.kind) ||
    byBytes(a.identity.user, b.identity.user) ||
    byBytes(a.identity.session, b.identity.session) ||
    byBytes(a.identity.run ?? "", b.identity.run ?? "")
  );
}

function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function conflict(change: number): Answer {
  return { code: "IDEMPOTENCY_CONFLICT", details: { change } };
}

function contentOf({ version = 0, bytes }: Pick<NewRecord, "version" | "bytes">): string {
  return `${version}:${hex(bytes)}`;
}

function slot({ tenant, user, session, run = "" }: Identity, kind: string): string {
  return JSON.stringify([tenant, user, session, run, kind]);
}

function session({ tenant, user, session }: Identity): string {
  return JSON.stringify([tenant, user, session]);
}

function event({ tenant }: Identity, eventId: string): string {
  return JSON.stringify([tenant, eventId]);
}
