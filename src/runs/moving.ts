import type { CallOptions, UserIdentity } from "../contract/store.js";
import { refuseIfHeld } from "./held.js";
import type { RunRecords } from "./run-records.js";

const PAGE = 100;

/** Refuses that runs of a user move while a worker holds one: it could not report what it did. LEASE_HELD. */
export async function refuseHeld(
  { lifecycle }: RunRecords,
  user: UserIdentity,
  { signal }: CallOptions,
): Promise<void> {
  for (let after: string | undefined; ; ) {
    const range = {
      status: "running",
      limit: PAGE,
      signal,
      ...(after === undefined ? {} : { after }),
    } as const;
    const { records, next } = await lifecycle.list(user, range);
    for (const { identity, id } of records) {
      const whole = await lifecycle.read({ identity, id }, { signal });
      if (whole !== undefined) refuseIfHeld(whole.state, lifecycle.now());
    }
    if (next === undefined) return;
    after = next;
  }
}
