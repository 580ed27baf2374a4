import { createApprovals } from "../approvals/index.js";
import type { CallOptions, Identity, StateStore } from "../contract/store.js";
import { userIdentity } from "../identity/identity.js";
import { createLedger } from "../ledger/index.js";
import { createSessions } from "../sessions/index.js";
import { readNamed, readOptions, readSignal } from "../validation/validate.js";

/** How many of each went. */
export interface ForgottenUser {
  /** Approvals that were removed. */
  readonly approvals: number;
  /** Entries of the ledger, which are the tenant's now. */
  readonly entries: number;
  /** Sessions that were deleted. */
  readonly sessions: number;
  /** Other records that lay under the user's own identity. */
  readonly records: number;
}

/** What the wrappers keep under a user's own identity, and take away themselves. */
const WRAPPER_PREFIXES = ["approval.", "ledger.", "session.", "user.state/"];
const PAGE_SIZE = 50;

/**
 * Forgets a user of a tenant, across all wrappers: their approvals, their sessions with everything under them, their
 * state, what names them in the ledger, and whatever else lies under `userIdentity`. What they used stays in every sum
 * of the tenant.
 *
 * Many commits, each of which leaves everything consistent. Interrupted, it may be called again, and goes on. What is
 * written for the user meanwhile, or later, stays, and so does what it cannot know: sessions that `createSessions` did not
 * make, beyond their approvals and entries (`erase` takes them), and the user's name where callers put it themselves, as
 * who decided an approval of another's. UNAVAILABLE (`busy`) while a session is being deleted elsewhere.
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
    const page = await store.list(owner, "", { ...from, limit: PAGE_SIZE, signal });
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
