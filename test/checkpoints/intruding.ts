import { isStateError, type StateStore } from "../../src/index.js";
import { withMethods } from "../sessions/rig.js";

const CALLS = ["commit", "list", "find", "loadByEventId"] as const;

/**
 * Makes a call again and again, each time with something else happening right before another one of its reads and commits.
 * `prepare` runs before each, `check` after each with the error of the call. What happens may be refused.
 */
export async function beforeEachStep<S>(
  store: StateStore,
  steps: {
    prepare(): Promise<S>;
    call(store: StateStore, prepared: S): Promise<unknown>;
    intrude(prepared: S): Promise<unknown>;
    /** What happens before the step after that. */
    intrudeAgain?(prepared: S): Promise<unknown>;
    check(prepared: S, error: unknown): Promise<unknown>;
  },
): Promise<void> {
  for (let at = 1; ; at++) {
    const prepared = await steps.prepare();
    let calls = 0;
    const methods = Object.fromEntries(
      CALLS.map((name) => [
        name,
        async (...args: unknown[]) => {
          const happens = { [at]: steps.intrude, [at + 1]: steps.intrudeAgain }[++calls];
          await happens?.(prepared).catch((error: unknown) => {
            if (!isStateError(error, "NOT_FOUND")) throw error;
          });
          return Reflect.apply(Reflect.get(store, name), store, args);
        },
      ]),
    ) as Partial<StateStore>;
    const error = await steps.call(withMethods(store, methods), prepared).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    await steps.check(prepared, error);
    if (calls < at) return;
  }
}
