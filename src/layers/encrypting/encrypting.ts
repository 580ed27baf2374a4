import type { Driver, Layer } from "../../contract/driver.js";
import { invalid, wrongType } from "../../contract/errors.js";
import type { UserIdentity } from "../../contract/store.js";
import { steadyNow } from "../../timing/clock.js";
import { readInteger, readNamed, readOneOf } from "../../validation/validate.js";
import { DataKeys } from "./data-keys.js";
import { EncryptingDriver } from "./encrypting-driver.js";
import { type EncryptionKeys, KeyEncryptionKeys } from "./key-encryption-keys.js";
import { readKeyFile, writeKeyFile } from "./key-file.js";
import { exportAll, neededKeks, rewrapAll, sweepKeys } from "./maintenance.js";
import { sessionScope, tenantScope } from "./own-records.js";
import { requireOnly } from "./store-keys.js";

const HOUR_MS = 3_600_000;
const TEN_YEARS_MS = 10 * 366 * 24 * HOUR_MS;

/** The options of `encrypting`. */
export interface EncryptingOptions {
  /** The key-encryption keys, which wrap the data keys. */
  readonly keys: EncryptionKeys;
  /**
   * What has a data key of its own. `session`: the erase of a session destroys its key, so that what is left of it anywhere cannot
   * be read; with `keyStore`, older copies of the database included. Say the same in all processes. Default `tenant`.
   */
  readonly per?: "tenant" | "session";
  /**
   * Where the wrapped data keys are kept, instead of in the store itself: a driver on another database. It stays open when the store
   * is closed.
   */
  readonly keyStore?: Driver;
  /**
   * What becomes of payloads that are not sealed, because they were stored before: `readable`, or `refused` with CORRUPT. Default
   * `refused`: whoever can write the database cannot plant any.
   */
  readonly unsealed?: "refused" | "readable";
}

/** A layer that seals payloads, and what operators do with its keys. */
export interface Encrypting extends Layer {
  /**
   * Wraps all data keys with the current key-encryption key; payloads stay as they are. After it the others are not needed any
   * more. It may be interrupted, and goes on when it is called again. Returns how many records of data keys it has changed.
   */
  rotateKek(): Promise<{ readonly rewrapped: number }>;
  /**
   * Makes a new data key for what is written from now on: of a tenant, or of a session with `per: "session"`. What was sealed before
   * stays readable. Other processes take it up within a few minutes, and at once with `per: "session"`.
   */
  rotateDek(of: string | (UserIdentity & { readonly session: string })): Promise<void>;
  /**
   * Writes all data keys into a file in the format of age, which the `age` tool reads too, for who holds the identity of the
   * recipient: `age1...`. Needs the package `age-encryption`; UNAVAILABLE (`setup`) without it.
   */
  exportKeys(recipient: string): Promise<Uint8Array>;
  /**
   * Brings data keys back from such a file, with the identity of its recipient: `AGE-SECRET-KEY-1...`. They are wrapped with the current
   * key-encryption key, also where the one before is lost. Rings that were destroyed since stay destroyed. Make the store with
   * `createStore` for it: `openStore` refuses a store whose key is lost. Returns how many rings it has brought back.
   */
  importKeys(file: Uint8Array, identity: string): Promise<{ readonly imported: number }>;
  /**
   * Destroys data keys whose sessions were erased by a process that died before it could. Needed with `keyStore` alone. Those of the
   * last `abandonedMs` milliseconds stay, for a session may be about to take them: 0 to ten years, default an hour.
   */
  sweepKeys(options?: { readonly abandonedMs?: number }): Promise<{ readonly destroyed: number }>;
}

/**
 * Makes a layer that seals every payload with AES-256-GCM before a driver gets it, bound to its slot, its event and its version.
 * Names, kinds, event ids, versions, times and sizes stay readable. A layer is one store's. INVALID_RECORD for keys of another
 * size; opening the store rejects with KEY_UNAVAILABLE for a key that is missing or wrong.
 *
 * @example
 * ```ts
 * import { randomBytes } from "node:crypto";
 * import { openStore } from "groundstate";
 * import { encrypting, retrying } from "groundstate/layers";
 *
 * const kek = { name: "2026", key: randomBytes(32) }; // from a secret store
 * const sealed = encrypting({ keys: { current: kek } });
 * const store = await openStore({ driver: "sqlite", path: "./state.db", layers: [retrying(), sealed] });
 * await store.close();
 * ```
 */
export function encrypting(options: EncryptingOptions): Encrypting {
  const given = readNamed(options, "options", ["keys", "per", "keyStore", "unsealed"]) as EncryptingOptions;
  const keks = new KeyEncryptionKeys(given.keys);
  const per = "per" in given ? readOneOf(given.per, "per", ["tenant", "session"] as const) : "tenant";
  const unsealed =
    "unsealed" in given ? readOneOf(given.unsealed, "unsealed", ["refused", "readable"] as const) : "refused";
  const { keyStore } = given;
  if (keyStore !== undefined && typeof keyStore?.apply !== "function")
    throw wrongType("keyStore", "a driver", keyStore);
  let wrapped: EncryptingDriver | undefined;
  const made = () => {
    if (wrapped === undefined) throw invalid("encrypting", "the layer of an open store");
    return wrapped;
  };
  const own = async () => {
    await made().ready();
    return made();
  };
  const layer = (driver: Driver): Driver => {
    if (wrapped !== undefined) throw invalid("layers", "made for this store: each has its own encrypting()");
    const keys = new DataKeys(driver, { keks, per, keyStore });
    wrapped = new EncryptingDriver(driver, { keks, keys, readsUnsealed: unsealed === "readable" });
    return wrapped.asDriver();
  };
  return Object.assign(layer, {
    async rotateKek() {
      const { inner, keys } = await own();
      let rewrapped = 0;
      // What a process has made meanwhile that does not know the current key yet.
      for (let found = -1; found !== 0; rewrapped += found) found = await rewrapAll(keyStore ?? inner, keys);
      await requireOnly(inner, keks);
      return { rewrapped };
    },
    async rotateDek(of: string | (UserIdentity & { readonly session: string })) {
      const { keys } = await own();
      if ((typeof of === "string") !== (per === "tenant"))
        throw invalid("of", per === "tenant" ? "a tenant" : "a session");
      await keys.rotate(typeof of === "string" ? tenantScope(of) : sessionScope(of));
    },
    async exportKeys(recipient: string) {
      const { inner, keys } = await own();
      return writeKeyFile(recipient, await exportAll(inner, keys));
    },
    async importKeys(file: Uint8Array, identity: string) {
      const { inner, keys } = made();
      let imported = 0;
      for (const ring of await readKeyFile(file, identity)) if (await keys.import(ring)) imported++;
      await requireOnly(inner, keks, await neededKeks(keyStore ?? inner));
      await made().ready();
      return { imported };
    },
    async sweepKeys(sweep: { readonly abandonedMs?: number } = {}) {
      const { abandonedMs = HOUR_MS } = readNamed(sweep, "options", ["abandonedMs"]) as typeof sweep;
      const before = steadyNow() - readInteger(abandonedMs, "abandonedMs", 0, TEN_YEARS_MS);
      const { inner } = await own();
      return { destroyed: keyStore === undefined ? 0 : await sweepKeys(inner, keyStore, before) };
    },
  });
}
