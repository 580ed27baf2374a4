import type { CallOptions, Identity } from "../contract/store.js";
import type { Transaction } from "./transaction.js";

/** What the record of an entry says of a value that lies elsewhere. */
export interface ValueDigest {
  /** SHA-256 (FIPS 180-4), in hexadecimal digits. */
  readonly sha256: string;
  /** In bytes. */
  readonly size: number;
}

/** A value that is stored, and that nobody sees yet. */
export interface KeptValue {
  /** Makes it the value of an entry, in the commit that writes the entry. UNAVAILABLE (`busy`) if it was removed meanwhile. */
  show(transaction: Transaction, number: number): Promise<void>;
  /** Removes it, unless it is in use. */
  clear(): Promise<void>;
}

/** Where the values of a journal lie that the records of its entries have no room for. */
export interface ValuesElsewhere {
  /** `undefined` for a value that its record has room for. INVALID_RECORD for one that is too large. */
  digest(bytes: Uint8Array): Promise<ValueDigest> | undefined;
  /** Stores a value. If that fails, nothing of it is left. */
  keep(owner: Identity, bytes: Uint8Array, options: CallOptions): Promise<KeptValue>;
  /** The bytes of the value of an entry, checked. CORRUPT. */
  read(owner: Identity, number: number, digest: ValueDigest, options: CallOptions): Promise<Uint8Array>;
  /** Removes the values of the entries from a number up to before another, as part of a commit. */
  remove(transaction: Transaction, owner: Identity, from: number, until: number): Promise<void>;
}
