import { randomBytes } from "node:crypto";
import type { Driver } from "../../contract/driver.js";
import { StateError } from "../../contract/errors.js";
import type { KeyEncryptionKeys, Wrapped } from "./key-encryption-keys.js";
import { keyMissing, keyWrong } from "./key-error.js";
import { commitOwn, isOwn, type OwnValue, ownSave, readOwn, STORE_SLOT } from "./own-records.js";

/** What a store says of the key-encryption keys that it needs. */
interface StoredKeys {
  /** A random key that each of them has wrapped. */
  readonly checks: readonly Wrapped[];
  /** It may hold payloads that are not sealed. */
  readonly unsealed: boolean;
}

const CHECK = { tenant: "~", keyId: "check" };
const CHECK_BYTES = 64;
const ATTEMPTS = 10;

/**
 * Checks that the process has the key-encryption keys that a store needs, and notes the current one. Returns whether the store may
 * hold payloads that are not sealed. KEY_UNAVAILABLE.
 */
export async function checkKeys(driver: Driver, keks: KeyEncryptionKeys): Promise<{ unsealed: boolean }> {
  for (let left = ATTEMPTS; left > 0; left--) {
    const stored = await readStored(driver);
    const checks = stored?.value.checks ?? [];
    for (const check of checks) await requireKey(keks, check);
    const unsealed = stored?.value.unsealed ?? (await hasRecords(driver));
    if (checks.some(({ kek }) => kek === keks.current)) return { unsealed };
    const added = [...checks, await keks.wrap(randomBytes(CHECK_BYTES), CHECK)];
    if (await change(driver, { checks: added, unsealed }, stored)) return { unsealed };
  }
  throw contended();
}

/** Notes that a store needs the current key-encryption key and those that still wrap something. */
export async function requireOnly(
  driver: Driver,
  keks: KeyEncryptionKeys,
  needed: ReadonlySet<string> = new Set(),
): Promise<void> {
  await update(driver, ({ checks, ...rest }) => ({
    ...rest,
    checks: checks.filter(({ kek }) => kek === keks.current || needed.has(kek)),
  }));
}

async function update(driver: Driver, to: (stored: StoredKeys) => StoredKeys): Promise<void> {
  for (let left = ATTEMPTS; left > 0; left--) {
    const stored = await readStored(driver);
    if (stored === undefined || (await change(driver, to(stored.value), stored))) return;
  }
  throw contended();
}

async function readStored(driver: Driver): Promise<OwnValue<StoredKeys> | undefined> {
  return readOwn<StoredKeys>((await driver.read([STORE_SLOT]))[0]);
}

async function change(
  driver: Driver,
  value: StoredKeys,
  before: OwnValue<StoredKeys> | undefined,
): Promise<boolean> {
  const outcome = await commitOwn(driver, [ownSave(STORE_SLOT, value, before?.eventId ?? null)]);
  return outcome.is === "applied";
}

async function requireKey(keks: KeyEncryptionKeys, check: Wrapped): Promise<void> {
  if (!keks.has(check.kek)) throw keyMissing(check.kek);
  const unwrapped = await keks.unwrap(check, CHECK);
  if (unwrapped.byteLength !== CHECK_BYTES) throw keyWrong(check.kek);
}

/** Whether anybody has stored anything. */
async function hasRecords(driver: Driver): Promise<boolean> {
  const page = await driver.scan({ prefix: "", limit: 2, maxBytes: 1, reverse: false, bytes: false });
  return page.records.some((record) => !isOwn(record)) || page.more;
}

function contended(): StateError<"UNAVAILABLE"> {
  const message = "other processes change the store's keys again and again";
  return new StateError("UNAVAILABLE", message, { details: { reason: "busy" } });
}
