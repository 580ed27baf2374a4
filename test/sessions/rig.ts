import { isStateError, newEventId, type StateStore } from "../../src/index.js";

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
