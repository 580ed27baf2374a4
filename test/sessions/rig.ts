import {
  isStateError,
  newEventId,
  type SessionIdentity,
  type StateStore,
  userIdentity,
} from "../../src/index.js";

/** A user of a new tenant. */
export function newUser(): { readonly tenant: string; readonly user: string } {
  return { tenant: `tenant-${newEventId()}`, user: "ann" };
}

/** A clock that stands still until it is moved. */
export function manualClock(start = Date.UTC(2026, 0, 1)): (() => number) & { forward(ms: number): void } {
  let now = start;
  const forward = (ms: number): void => {
    now += ms;
  };
  return Object.assign(() => now, { forward });
}

/**
 * Writes a session as versions 0.1 to 0.4 did: all of it in its record, of which the one list had a copy, and the bounds of
 * its events apart.
 */
export async function writeAsBefore(store: StateStore, who: SessionIdentity): Promise<void> {
  const owner = userIdentity(who.tenant, who.user);
  const [record, head] = await Promise.all(
    ["session", "session.events"].map(async (kind) =>
      JSON.parse(Buffer.from((await store.load(who, kind)).bytes).toString()),
    ),
  );
  const { activity, ...bounds } = head;
  const { createdAt, updatedAt, closedAt } = activity;
  const old = Buffer.from(JSON.stringify({ ...record, createdAt, updatedAt, ...(closedAt && { closedAt }) }));
  const entries = await store.list(owner, "session.");
  const kind = `session.index/${new Date(updatedAt).toISOString()}.${who.session}`;
  await store.commit([
    ...entries
      .filter((entry) => entry.kind !== kind && entry.kind.endsWith(`Z.${who.session}`))
      .map((entry) => ({ op: "delete", identity: owner, kind: entry.kind }) as const),
    { op: "save", record: { eventId: newEventId(), identity: who, kind: "session", bytes: old } },
    ...(bounds.next === 1
      ? [{ op: "delete", identity: who, kind: "session.events" } as const]
      : [
          {
            op: "save",
            record: {
              eventId: newEventId(),
              identity: who,
              kind: "session.events",
              bytes: Buffer.from(JSON.stringify(bounds)),
            },
          } as const,
        ]),
    { op: "save", record: { eventId: newEventId(), identity: owner, kind, bytes: old } },
  ]);
}

/** What a process of version 0.2 leaves that dies between the two commits of a deletion. */
export async function beginDeletion(store: StateStore, who: SessionIdentity, since: number): Promise<void> {
  const { tenant, user, session } = who;
  await writeAsBefore(store, who);
  const owner = userIdentity(tenant, user);
  const entries = await store.list(owner, "session.index/");
  const entry = entries.find(({ kind }) => kind.endsWith(`.${session}`));
  const holder = newEventId();
  const bytes = Buffer.from(JSON.stringify({ since, until: since + 60_000, holder }));
  await store.commit([
    { op: "save", record: { eventId: holder, identity: owner, kind: `session.deleting/${session}`, bytes } },
    { op: "delete", identity: { tenant, user, session }, kind: "session" },
    { op: "delete", identity: owner, kind: entry?.kind ?? "none" },
  ]);
}

/** The store, with some of its methods replaced. */
export function withMethods(store: StateStore, methods: Partial<StateStore>): StateStore {
  return new Proxy(store, {
    get(target, name) {
      const method = Reflect.get(methods, name) ?? Reflect.get(target, name);
      return typeof method === "function" ? method.bind(target) : method;
    },
  });
}

/** The store of a process that crashes: the given call of the method, and all later calls of any method, never arrive. */
export function dyingAt(store: StateStore, method: keyof StateStore, call = 1): StateStore {
  let left = call;
  return new Proxy(store, {
    get(target, name) {
      const real = Reflect.get(target, name);
      if (typeof real !== "function") return real;
      return async (...args: unknown[]) => {
        if (name === method) left--;
        if (left <= 0) throw new Error("the process died");
        return Reflect.apply(real, target, args);
      };
    },
  });
}

/** Repeats the call while its outcome is unknown, as a caller with event ids of its own does. */
export async function untilAnswered<R>(call: () => Promise<R>): Promise<R> {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (!isStateError(error, "OUTCOME_UNKNOWN") || !error.retryable) throw error;
    }
  }
}
