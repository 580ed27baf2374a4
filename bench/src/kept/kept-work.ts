import type { Identity, StateStore } from "../../../dist/src/index.js";
import type { Operation } from "../contestant.js";

/** What a wrapper writes of users or sessions, and reads again. */
export interface KeptWork {
  open(store: StateStore, owners: readonly Owner[]): Promise<OpenKept>;
}

/** A user of a tenant. */
export type Owner = Pick<Identity, "tenant" | "user">;

export interface OpenKept {
  readonly operations: Readonly<Record<string, Operation>>;
  /** Rejects when what was written is not there. */
  check(): Promise<void>;
}

/** As many as there are to read from the beginning. */
export const READ = 1_000;
const AT_ONCE = 64;

/** Does it so many times, some at once. */
export async function times(count: number, work: () => unknown): Promise<void> {
  let left = count;
  const caller = async (): Promise<void> => {
    while (left-- > 0) await work();
  };
  await Promise.all(Array.from({ length: AT_ONCE }, caller));
}

/** Throws if what was read is not what was written. */
export function expectSame(what: string, found: unknown, wanted: unknown): void {
  if (found !== wanted) throw new Error(`${what} is not what was written`);
}
