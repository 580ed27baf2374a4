import { createApprovals } from "../approvals/index.js";
import type { CallOptions, Identity, StateStore } from "../contract/store.js";
import { userIdentity } from "../identity/identity.js";
import { createLedger } from "../ledger/index.js";
import { createSessions } from "../sessions/index.js";
import { readNamed, readOptions, readSignal } from "../validation/validate.js";

/** How many records of each kind were removed. */
export interface ForgottenUser {
  /** Approvals that were removed. */
  readonly approvals: number;
  /** Entries of the ledger that no longer name the user and now belong to the tenant. */
  readonly entries: number;
  /** Sessions that were deleted. */
  readonly sessions: number;
  /** Other records that were stored under the user's own identity. */
  readonly records: number;
}

/** Kinds that the wrappers store under a user's own identity and remove themselves. */
const WRAPPER_PREFIXES = ["approval.", "ledger.", "session.", "user.state/"];
const PAGE_SIZE = 50;

/**
 * Forgets a user of a tenant, across all wrappers: the approvals, the sessions with everything under them, the state,
 * the user's names in the ledger, and all other records under `userIdentity`. The user's usage stays in the sums of the
 * tenant.
 *
 * Makes many commits, each of which leaves the data consistent. After an interruption, call it again: it goes on.
 * UNAVAILABLE (`busy`) while a session is being deleted elsewhere. These stay:
 *
 * - records that are written for the user meanwhile or later;
 * - sessions that `createSessions` did not create, except their approvals and ledger entries (`erase` removes them);
 * - the user's name in fields that callers fill, such as who decided another user's approval.
 *
 * @example
 * ```ts
 * import { forgetUser } from "groundstate/forget-user";
 *
 * const { sessions: deleted, entries } = await forgetUser(store, { tenant: "acme", user: "ada" });
 * console.log(deleted, entries);
 * ```
 */
export async function forgetUser(
  store: StateStore,
  user: Pick<Identity, "tenant" | "user">,
  options?: CallOptions,
): Promise<ForgottenUser> {
  const signal = readSignal(readOptions(options, ["signal"]));
  const { tenant, user: name } = readNamed(user, "user", ["tenant", "user"]) as Identity;
  const owner = userIdentity(tenant, name);
  const userRef = { tenant, user: name };
  const approvals = await createApprovals(store).forgetUser(userRef, { signal });
  const entries = await createLedger(store).forgetUser(userRef, { signal });
  const sessions = await createSessions(store).forgetUser(userRef, { signal });
  const records = await deleteOtherRecords(store, owner, signal);
  return { approvals, entries, sessions, records };
}

async function deleteOtherRecords(
  store: StateStore,
  owner: Identity,
  signal: AbortSignal | undefined,
): Promise<number> {
  let deleted = 0;
  for (let from: { after?: string } = {}; ; ) {
    const page = await store.list(owner, "", { ...from, limit: PAGE_SIZE, signal, bytes: false });
    const kinds = page.map(({ kind }) => kind).filter(isOtherKind);
    if (kinds.length > 0) {
      const changes = kinds.map((kind) => ({ op: "delete", identity: owner, kind }) as const);
      await store.commit(changes, { signal });
    }
    deleted += kinds.length;
    if (page.length < PAGE_SIZE) return deleted;
    from = { after: (page.at(-1) as { kind: string }).kind };
  }
}

function isOtherKind(kind: string): boolean {
  return !WRAPPER_PREFIXES.some((prefix) => kind.startsWith(prefix));
}
