import { type SessionIdentity, StateError, type StateStore } from "../../src/index.js";
import { expiredError } from "../../src/lifecycle/errors.js";
import { isRepeat, type StoredAct, withDate } from "../../src/lifecycle/repeat.js";
import { mappedJson } from "../../src/typed/codec.js";
import {
  type ContentRecord,
  Lifecycle,
  type LifecycleDeclaration,
  type LifecycleKey,
  type LifecycleOptions,
  type LifecycleState,
  type Transition,
} from "../../src/typed.js";
import { optional, readTime } from "../../src/validation/fields.js";
import { readObject, readOneOf } from "../../src/validation/validate.js";
import { readEventId, readKind, readText } from "../../src/validation/validate-text.js";
import type { WrapperTable } from "../wrappers/wrapper.js";

export const TRANSITIONS = {
  waiting: ["taken", "dropped", "lapsed"],
  taken: ["taken", "waiting", "done"],
  done: [],
  dropped: [],
  lapsed: [],
} as const;

export type Status = keyof typeof TRANSITIONS;

interface Taking {
  readonly by: string;
  readonly at: Date;
}

/** `fence` grows with every taker; `until` is the end of the lease. */
export interface TaskState extends LifecycleState<Status> {
  readonly fence: number;
  readonly until?: number;
  readonly taking?: StoredAct<Taking>;
}

export interface TaskContent {
  readonly text: string;
  readonly name?: string;
}

export interface Task {
  readonly id: string;
  readonly identity: SessionIdentity;
  readonly status: Status;
  readonly text: string;
  readonly name?: string;
  readonly fence: number;
  readonly taking?: Taking;
}

export const TASK: LifecycleDeclaration<TaskState, TaskContent, Task> = {
  name: "task",
  transitions: TRANSITIONS,
  expired: "lapsed",
  awaited: ["waiting", "taken"],
  listedBy: [
    { under: "session" },
    { under: "user" },
    { under: "tenant" },
    { under: "session", field: "name", value: ({ name }) => name },
    { under: "tenant", field: "name", value: ({ name }) => name },
  ],
  // A task that waits is due at once, one that was taken when its lease ends.
  due: ({ status, createdAt, until }) => (status === "waiting" ? createdAt : until),
  largeFields: ["text"],
  stateCodec: mappedJson<TaskState>({
    write: (state) => ({ ...state }) as never,
    read(value) {
      const given = readObject(value, "state") as Partial<TaskState>;
      const state = {
        status: readOneOf(given.status, "status", Object.keys(TRANSITIONS) as Status[]),
        createdAt: readTime(given.createdAt, "createdAt"),
        ...optional(given, "expiresAt", readTime),
        fence: readTime(given.fence, "fence"),
        ...optional(given, "until", readTime),
        ...optional(given, "taking", (taking) => {
          const { by, at, ...rest } = readObject(taking, "taking") as StoredAct<Taking>;
          return { by: readKind(by), ...optional(rest, "token", readEventId), at: readTime(at, "at") };
        }),
      };
      if ((state.until !== undefined) !== (state.status === "taken"))
        throw new Error("it contradicts itself");
      return state;
    },
  }),
  contentCodec: mappedJson<ContentRecord<TaskContent>>({
    write: (record) => ({ ...record }) as never,
    read(value) {
      const { createdAt, content } = readObject(value, "content") as ContentRecord<TaskContent>;
      const { text } = readObject(content, "content") as TaskContent;
      return {
        createdAt: readTime(createdAt, "createdAt"),
        content: { text: readText(text, "text", 1e6), ...optional(content, "name", readKind) },
      };
    },
  }),
  view: ({ identity, id }, { state, content }, status) => ({
    id,
    identity,
    status,
    ...content,
    fence: state.fence,
    ...(state.taking && { taking: withDate(state.taking) }),
  }),
};

export const LEASE_MS = 1000;

/** As small a wrapper as can be. */
export class Tasks {
  readonly lifecycle: Lifecycle<TaskState, TaskContent, Task>;

  constructor(store: StateStore, options: LifecycleOptions = {}) {
    this.lifecycle = new Lifecycle(store, TASK, options);
  }

  async add(who: SessionIdentity, id: string, content: TaskContent = { text: "t" }, ttlMs?: number) {
    const initial = (now: number) => ({
      status: "waiting" as const,
      createdAt: now,
      fence: 0,
      ...(ttlMs === undefined ? {} : { expiresAt: now + ttlMs }),
    });
    return this.lifecycle.create(this.lifecycle.readKey(who, id), content, initial, { repeatable: true });
  }

  async take(who: SessionIdentity, id: string, by = "ann", token?: string): Promise<Task> {
    const key = this.lifecycle.readKey(who, id);
    return this.lifecycle.change(key, taken(by, token), { repeatable: token !== undefined });
  }

  /** Only the one whose taking is the latest may finish. */
  async finish(who: SessionIdentity, id: string, fence = 1): Promise<Task> {
    return this.lifecycle.change(this.lifecycle.readKey(who, id), finished(fence), { repeatable: true });
  }

  async drop(who: SessionIdentity, id: string): Promise<Task> {
    return this.lifecycle.change(this.lifecycle.readKey(who, id), dropped);
  }

  key(who: SessionIdentity, id: string): LifecycleKey {
    return this.lifecycle.readKey(who, id);
  }
}

export function taken(by: string, token?: string): Transition<TaskState, TaskContent> {
  return (state, { now, status }) => {
    const made = { by, ...(token === undefined ? {} : { token }) };
    if (state.taking !== undefined && isRepeat(state.taking, made)) return state;
    if (status === "lapsed") throw expiredError("task", state.expiresAt as number);
    const isFree = status === "waiting" || (status === "taken" && now >= (state.until as number));
    if (!isFree) throw refused();
    const { expiresAt: _, ...rest } = state;
    const until = now + LEASE_MS;
    return { ...rest, status: "taken", fence: state.fence + 1, until, taking: { ...made, at: now } };
  };
}

export function finished(fence: number): Transition<TaskState, TaskContent> {
  return (state) => {
    if (state.status === "done" && state.fence === fence) return state;
    if (state.status !== "taken" || state.fence !== fence) throw refused();
    const { until: _, ...rest } = state;
    return { ...rest, status: "done" };
  };
}

const dropped: Transition<TaskState, TaskContent> = (state, { status }) => {
  if (status === "dropped") return state;
  if (status !== "waiting") throw refused();
  return { ...state, status: "dropped" };
};

function refused(): StateError<"FORBIDDEN"> {
  return new StateError("FORBIDDEN", "not now", { details: { rule: "mayDecide" } });
}

/** Tasks, for the tests that all wrappers share. */
export const TASKS: WrapperTable<Tasks> = {
  open: (store, options) => new Tasks(store, options),
  make: (tasks, who, id) => tasks.add(who, id),
  find: (tasks, who, id) => tasks.lifecycle.find(tasks.key(who, id)),
  listed: async (tasks, where) =>
    (await tasks.lifecycle.list(where, { limit: 1000 })).records.map(({ id }) => id),
  sweep: (tasks, scope) => tasks.lifecycle.expireOverdue(scope, { erased: true }),
  methods: {
    take: (tasks, who, id) => tasks.take(who, id),
    finish: (tasks, who, id) => tasks.finish(who, id),
    drop: (tasks, who, id) => tasks.drop(who, id),
    get: async (tasks, who, id) => tasks.lifecycle.get(tasks.key(who, id)),
    wait: async (tasks, who, id) => tasks.lifecycle.wait(tasks.key(who, id)),
  },
  walk: {
    add: (tasks, who, id) => tasks.add(who, id),
    take: (tasks, who, id) => tasks.take(who, id, "ann", `take ${id}`),
    finish: (tasks, who, id) => tasks.finish(who, id),
  },
  kindOf: (id) => `task/${id}`,
  damages: (stored) => [
    { ...stored, status: "open" },
    { ...stored, status: "taken" },
    { ...stored, createdAt: "2030" },
    { ...stored, fence: null },
  ],
};
