import { isStateError, newEventId, type StateStore } from "../../src/index.js";

/** A tenant that nobody else has, with a user in it. */
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

/** A process that dies: this call of the method, and every call of any after it, never gets through. */
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

/** The call, made again as long as nobody can say whether it happened: what a caller does who brings ids. */
export async function untilAnswered<R>(call: () => Promise<R>): Promise<R> {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (!isStateError(error, "OUTCOME_UNKNOWN") || !error.retryable) throw error;
    }
  }
}
