import {
  type ChangeFeed,
  type Driver,
  isStateError,
  type RecordKey,
  type StateStore,
  slotKey,
  slotOf,
  type Watch,
  type WatchedSlot,
  watchByReading,
} from "../../src/index.js";
import { ReferenceDriver, type ReferenceSpace } from "../harness/reference-driver.js";
import { inProcess } from "../harness/reference-harness.js";
import { brokenStore, type Mutant } from "./mutant.js";

/** Stores that watch wrongly, and drivers whose optional parts say that nothing has changed. */
export const watchMutants: readonly Mutant[] = [
  brokenWatch("hides-empty-slots", "watch/as-they-are", (watch) =>
    filtered(watch, ({ record }) => record !== undefined),
  ),
  brokenStore("sees-its-own-changes-by-asking", "watch/own-changes", (store) => ({
    watch: (places, options) => watchByReading(store, places, options),
  })),
  brokenStore("keeps-a-backlog", "watch/latest-state", (store) => {
    const backlogs = new Set<WatchedSlot[]>();
    return {
      async save(record, options) {
        const receipt = await store.save(record, options);
        const { identity, kind } = record;
        const current = await store.find(identity, kind);
        for (const backlog of backlogs) backlog.push({ place: 0, identity, kind, record: current });
        return receipt;
      },
      watch(places, options) {
        const watch = store.watch(places, options);
        const backlog: WatchedSlot[] = [];
        backlogs.add(backlog);
        return altered(watch, async () => {
          const value = backlog.shift();
          return value === undefined ? watch.next() : { done: false, value };
        });
      },
    };
  }),
  brokenStore("drops-unknown-options-of-watches", "watch/misuse", (store) => ({
    watch(places, options = {}) {
      const known = Object.entries(options).filter(([name]) => ["signal", "pollMs", "ref"].includes(name));
      return store.watch(places, Object.fromEntries(known));
    },
  })),
  brokenStore("watches-nothing-once-it-is-closed", "watch/misuse", (store) => ({
    watch(places, options) {
      try {
        return store.watch(places, options);
      } catch (error) {
        if (isStateError(error, "STORE_CLOSED")) return ENDED;
        throw error;
      }
    },
  })),
  brokenWatch("goes-on-when-its-loop-is-left", "watch/iterates", (watch) => ({
    ...altered(watch, () => watch.next()),
    [Symbol.asyncIterator]() {
      return { ...this, return: async () => DONE };
    },
  })),
  brokenWatch("goes-on-when-disposed-of", "watch/iterates", (watch) => ({
    ...altered(watch, () => watch.next()),
    [Symbol.asyncDispose]: async () => {},
  })),
  brokenWatch("starts-where-it-is-called", "watch/starts-with-next", (watch) => {
    let first: ReturnType<Watch["next"]> | undefined = watch.next();
    first.catch(() => {});
    return altered(watch, () => {
      const notice = first ?? watch.next();
      first = undefined;
      return notice;
    });
  }),
  brokenStore("yields-replays", "watch/nothing-changed", (store) => {
    const replays: WatchedSlot[] = [];
    return {
      async save(record, options) {
        const receipt = await store.save(record, options);
        const { identity, kind } = record;
        if (receipt.duplicate) replays.push({ place: 0, identity, kind, record: undefined });
        return receipt;
      },
      watch(places, options) {
        const watch = store.watch(places, options);
        return altered(watch, async () => {
          const value = replays.shift();
          return value === undefined ? watch.next() : { done: false, value };
        });
      },
    };
  }),
  brokenStore("shares-what-it-yields", "watch/copied-out", (store) => {
    const yielded = new Map<string, WatchedSlot["record"]>();
    return {
      watch(places, options) {
        const watch = store.watch(places, options);
        return altered(watch, async () => {
          const notice = await watch.next();
          const current = notice.value?.record;
          if (notice.done || current === undefined) return notice;
          const record = yielded.get(current.eventId) ?? current;
          yielded.set(current.eventId, record);
          return { done: false, value: { ...notice.value, record } };
        });
      },
    };
  }),
  brokenStore("ignores-its-signal", "watch/ends", (store) => ({
    watch(places, { signal: _, ...options } = {}) {
      return store.watch(places, options);
    },
  })),
  brokenStore("watches-a-slot-twice", "watch/refuses-at-the-call", (store) => ({
    watch: (places, options) => store.watch(distinct(places), options),
  })),
  brokenParts("counts-its-own-changes", "watch/other-stores", (driver) => {
    let changes = 0;
    return {
      async apply(commits, options) {
        const outcomes = await driver.apply(commits, options);
        changes++;
        return outcomes;
      },
      changeCounter: async () => changes,
    };
  }),
  brokenParts("asks-its-cache", "watch/last-state-arrives", (driver) => {
    const cache = new Map<string, string | undefined>();
    return {
      async read(slots) {
        const records = await driver.read(slots);
        for (const [index, slot] of slots.entries()) cache.set(slotKey(slot), records[index]?.eventId);
        return records;
      },
      readEventIds: async (slots) => slots.map((slot) => cache.get(slotKey(slot))),
    };
  }),
  brokenParts("tells-of-no-erases", "watch/erased-elsewhere", (driver, space) => {
    const listeners = listenersOf(space);
    return {
      async apply(commits, options) {
        const outcomes = await driver.apply(commits, options);
        const writes = commits.flatMap((commit) => commit.writes).filter(({ op }) => op !== "erase");
        const groups = writes.map((write) => groupOf(slotOf(write)));
        if (groups.length > 0) for (const listener of listeners) listener.changed(groups);
        return outcomes;
      },
      changes: {
        groupOf,
        subscribe(listener) {
          listeners.add(listener);
          listener.live(Number.POSITIVE_INFINITY);
          return () => listeners.delete(listener);
        },
      },
    };
  }),
];

const DONE = { done: true, value: undefined } as const;

/** A watch that has ended. */
const ENDED: Watch = {
  next: async () => DONE,
  return: async () => DONE,
  [Symbol.asyncIterator]() {
    return this;
  },
  [Symbol.asyncDispose]: async () => {},
};

type Listener = Parameters<ChangeFeed["subscribe"]>[0];

const listeners = new WeakMap<ReferenceSpace, Set<Listener>>();

function listenersOf(space: ReferenceSpace): Set<Listener> {
  const known = listeners.get(space) ?? new Set();
  listeners.set(space, known);
  return known;
}

const groupOf: ChangeFeed["groupOf"] = ({ tenant, user, session }) => [tenant, user, session].join("\0");

/** The reference driver with these parts. */
function brokenParts(
  id: string,
  breaks: string,
  parts: (driver: Driver, space: ReferenceSpace) => Partial<Driver>,
): Mutant {
  // The parts use a driver of their own on the same space: the methods that they replace still work there.
  const harness = inProcess(id, (space) =>
    Object.assign(new ReferenceDriver(space), parts(new ReferenceDriver(space), space)),
  );
  return { id, breaks, harness };
}

/** The reference store whose watches are changed like this. */
function brokenWatch(id: string, breaks: string, change: (watch: Watch) => Watch): Mutant {
  return brokenStore(id, breaks, (store: StateStore) => ({
    watch: (places, options) => change(store.watch(places, options)),
  }));
}

function filtered(watch: Watch, isYielded: (notice: WatchedSlot) => boolean): Watch {
  return altered(watch, async () => {
    for (;;) {
      const notice = await watch.next();
      if (notice.done || isYielded(notice.value)) return notice;
    }
  });
}

/** The watch with another `next`. */
function altered(watch: Watch, next: Watch["next"]): Watch {
  return {
    next,
    return: () => watch.return(),
    [Symbol.asyncIterator]() {
      return this;
    },
    [Symbol.asyncDispose]: () => watch[Symbol.asyncDispose](),
  };
}

function distinct(places: readonly RecordKey[]): readonly RecordKey[] {
  return places.filter(({ kind }, index) => places.findIndex((other) => other.kind === kind) === index);
}
