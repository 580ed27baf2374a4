import { isStateError } from "../contract/errors.js";
import type { CallOptions } from "../contract/store.js";
import type { Lifecycle } from "../lifecycle/lifecycle.js";
import type { LifecycleKey, LifecycleState } from "../lifecycle/stored.js";
import type { StoredLease } from "./stored-lease.js";

/** The field that has the token of the claim that gave the lease. */
const CLAIM = "claim";

/** A state that a worker may hold. */
interface Leased extends LifecycleState {
  readonly lease?: StoredLease;
}

/** The list by which a repeated claim finds what the first one got, while its lease holds. */
export function listedByClaim<S extends Leased>() {
  return {
    under: "tenant",
    field: CLAIM,
    value: (_: unknown, { lease }: S) => (lease?.next ? lease.token : undefined),
  } as const;
}

/** What an earlier claim with the same token got, while that lease holds. */
export async function claimedBefore<S extends Leased, C, V>(
  lifecycle: Lifecycle<S, C, V>,
  tenant: string,
  { worker, token }: Pick<StoredLease, "worker" | "token">,
  keyOf: (record: V) => LifecycleKey,
  { signal }: CallOptions,
): Promise<{ readonly key: LifecycleKey; readonly state: S; readonly record: V } | undefined> {
  if (token === undefined) return undefined;
  const status = "running" as S["status"];
  const { records } = await lifecycle.list(
    { tenant },
    { status, by: { [CLAIM]: token }, limit: 1, ...(signal && { signal }) },
  );
  const [first] = records;
  if (first === undefined) return undefined;
  const key = keyOf(first);
  let found: S | undefined;
  const look = (state: S) => {
    const { lease } = state;
    found = lease?.next && lease.token === token && lease.worker === worker ? state : undefined;
    return state;
  };
  try {
    const record = await lifecycle.change(key, look, { signal });
    return found && { key, state: found, record };
  } catch (error) {
    if (isStateError(error, "NOT_FOUND")) return undefined;
    throw error;
  }
}
