import { randomBytes } from "node:crypto";
import { changedMeanwhile } from "../../contract/changed-meanwhile.js";
import type { Driver } from "../../contract/driver.js";
import type { KeyEncryptionKeys, Wrapped } from "./key-encryption-keys.js";
import { keyMissing, keyWrong } from "./key-error.js";
import { commitOwn, type OwnValue, ownSave, readOwn, STORE_SLOT } from "./own-records.js";

/** What a store says of the key-encryption keys that it needs. */
interface StoredKeys {
  /** A random key that each of them has wrapped. */
  readonly checks: readonly Wrapped[];
}

const CHECK = { tenant: "~", keyId: "check" };
const CHECK_BYTES = 64;
const ATTEMPTS = 10;

/** Checks that the process has the key-encryption keys that a store needs, and notes the current one. KEY_UNAVAILABLE. */
export async function checkKeys(driver: Driver, keks: KeyEncryptionKeys): Promise<void> {
  await update(driver, async (checks) => {
    for (const check of checks) await requireKey(keks, check);
    if (checks.some(({ kek }) => kek === keks.current)) return checks;
    return [...checks, await keks.wrap(randomBytes(CHECK_BYTES), CHECK)];
  });
}

/** Notes that a store needs the current key-encryption key and those that still wrap something. */
export async function requireOnly(
  driver: Driver,
  keks: KeyEncryptionKeys,
  needed: ReadonlySet<string> = new Set(),
): Promise<void> {
  await update(driver, async (checks) =>
    checks.every(({ kek }) => kek === keks.current || needed.has(kek))
      ? checks
      : checks.filter(({ kek }) => kek === keks.current || needed.has(kek)),
  );
}

/** Writes what `change` makes of the checks, unless it returns them as they are. */
async function update(
  driver: Driver,
  change: (checks: readonly Wrapped[]) => Promise<readonly Wrapped[]>,
): Promise<void> {
  for (let left = ATTEMPTS; left > 0; left--) {
    const stored: OwnValue<StoredKeys> | undefined = readOwn((await driver.read([STORE_SLOT]))[0]);
    const before = stored?.value.checks ?? [];
    const checks = await change(before);
    if (checks === before) return;
    const save = ownSave(STORE_SLOT, { checks }, stored?.eventId ?? null);
    if ((await commitOwn(driver, [save])).is === "applied") return;
  }
  throw changedMeanwhile();
}

async function requireKey(keks: KeyEncryptionKeys, check: Wrapped): Promise<void> {
  if (!keks.has(check.kek)) throw keyMissing(check.kek);
  const unwrapped = await keks.unwrap(check, CHECK);
  if (unwrapped.byteLength !== CHECK_BYTES) throw keyWrong(check.kek);
}
