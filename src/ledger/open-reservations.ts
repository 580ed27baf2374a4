import type { StateStore } from "../contract/store.js";
import { maintenanceScope } from "../identity/scope.js";
import { scanKind } from "../store/scan-kind.js";
import { decodeRecord } from "../typed/cell.js";
import { formatAmounts } from "./amounts.js";
import type { BudgetHolds } from "./budget-holds.js";
import { type Scope, scopeOwner } from "./cells.js";
import { HOLD_CODEC, type Hold, holdPrefix } from "./hold.js";
import type { OpenReservation } from "./reservation.js";

type Signal = AbortSignal | undefined;

/** Records per read. */
const PAGE_SIZE = 200;

/**
 * The reservations of a session or run, a user or a tenant that are held and not overdue, by session. It is not a snapshot.
 */
export async function* openReservations(
  store: StateStore,
  holds: BudgetHolds,
  scope: Scope,
  now: () => number,
  signal: Signal,
): AsyncGenerator<OpenReservation> {
  for await (const { user, hold } of holdsOf(store, holds, scope, signal)) {
    const { shown, until, amounts } = hold;
    if (shown === undefined || until <= now()) continue;
    const { id, session, run, since } = shown;
    if (scope.run !== undefined && run !== scope.run) continue;
    yield {
      identity: { tenant: scope.tenant, user, session, ...(run === undefined ? {} : { run }) },
      id,
      amounts: formatAmounts(amounts),
      reservedAt: new Date(since),
      expiresAt: new Date(until),
    };
  }
}

async function* holdsOf(
  store: StateStore,
  { holds }: BudgetHolds,
  scope: Scope,
  signal: Signal,
): AsyncGenerator<{ readonly user: string; readonly hold: Hold }> {
  const { tenant, user, session } = scope;
  if (user === undefined) {
    const whole = maintenanceScope({ reason: "lists the reservations of a tenant", tenant });
    for await (const record of scanKind(store, whole, "ledger.hold/", {
      pageSize: PAGE_SIZE,
      ...(signal && { signal }),
    }))
      yield { user: record.identity.user, hold: await decodeRecord(HOLD_CODEC, record) };
    return;
  }
  const prefix = session === undefined ? {} : { prefix: holdPrefix(session) };
  for (let after: { after?: string } = {}; ; ) {
    const page = await holds.list(scopeOwner({ tenant, user }), {
      ...prefix,
      ...after,
      limit: PAGE_SIZE,
      signal,
    });
    for (const { value } of page) yield { user, hold: value };
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE_SIZE) return;
    after = { after: last.id };
  }
}
