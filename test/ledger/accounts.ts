import { expect } from "vitest";
import { maintenanceScope, type StateStore, scanKind } from "../../src/index.js";
import { LedgerCells } from "../../src/ledger/cells.js";
import { type StoredEntry, sumsOf } from "../../src/ledger/entry.js";
import { ENTRY_CODEC } from "../../src/ledger/entry-codec.js";
import { addSums, isZero, NO_USAGE, type Sums, writeSums } from "../../src/ledger/usage.js";
import { decodeRecord } from "../../src/typed/cell.js";

/** Every rollup that is stored for a tenant, by identity and kind. */
export type Accounts = Readonly<Record<string, unknown>>;

/** The rollups as they are stored. */
export async function storedAccounts(store: StateStore, tenant: string): Promise<Accounts> {
  const cells = new LedgerCells(store);
  const found: Record<string, unknown> = {};
  for (const prefix of ["ledger.day/", "ledger.total/"]) {
    for await (const record of scanKind(store, scopeOf(tenant), prefix)) {
      const { user } = record.identity;
      const cell = cells.days.at(record.identity, "any");
      const { sums } = await decodeRecord(cell.codec, record);
      found[`${user} ${record.kind}`] = writeSums(sums);
    }
  }
  return found;
}

/** The expected rollups: the sums of all entries. */
export async function foldedAccounts(store: StateStore, tenant: string): Promise<Accounts> {
  const cells = new LedgerCells(store);
  const sums = new Map<string, Sums>();
  for await (const record of scanKind(store, scopeOf(tenant), "ledger.entry/")) {
    const entry: StoredEntry = await decodeRecord(ENTRY_CODEC, record);
    const { user } = record.identity;
    // Of users who were forgotten, they lie under the tenant.
    const { ofSession, others } = cells.rollups(user === "~" ? { tenant } : { tenant, user }, entry);
    for (const { cell } of [...ofSession, ...others]) {
      const key = `${cell.identity.user} ${cell.kind}`;
      sums.set(key, addSums(sums.get(key) ?? NO_USAGE, sumsOf(entry)));
    }
  }
  const kept = [...sums].filter(([, sum]) => !isZero(sum));
  return Object.fromEntries(kept.map(([key, sum]) => [key, writeSums(sum)]));
}

/** Expects that there are rollups, and that they are the sums of the entries. */
export async function expectBalanced(store: StateStore, tenant: string): Promise<void> {
  const folded = await foldedAccounts(store, tenant);
  expect(Object.keys(folded).length).toBeGreaterThan(0);
  expect(await storedAccounts(store, tenant)).toEqual(folded);
}

function scopeOf(tenant: string) {
  return maintenanceScope({ reason: "checks the accounts", tenant });
}
