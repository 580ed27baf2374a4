import { createHash, createHmac } from "node:crypto";

/** The setting in which a statement gives its proof. It ends with the statement's transaction. */
export const SETTING = "groundstate.tenant";

/** Keeps the same key of other uses apart. */
export const LABEL = "groundstate tenant 1:";

/** The length of a signature, in hexadecimal digits. */
export const SIGNATURE_LENGTH = 64;

/** https://datatracker.ietf.org/doc/html/rfc2104: the blocks that HMAC puts before what it hashes. */
const BLOCK = 64;
const INNER = 0x36;
const OUTER = 0x5c;

/** Signs tenants with a key that the database's roles cannot read. */
export class TenantProof {
  readonly #key: string;
  readonly #wrapped = new Map<string, string>();

  constructor(key: string) {
    this.#key = key;
  }

  /** What a statement gives for a tenant: HMAC-SHA-256 in hexadecimal digits, and the tenant's name. */
  of(tenant: string): string {
    return `${createHmac("sha256", this.#key).update(`${LABEL}${tenant}`).digest("hex")}${tenant}`;
  }

  /** The statement, which takes one parameter more: the proof of the tenant as which it runs. */
  statement(text: string, parameters: number): string {
    const known = this.#wrapped.get(text);
    if (known !== undefined) return known;
    // The condition makes the statement depend on the setting, so that it begins after that; OFFSET keeps both apart.
    const wrapped = `
      SELECT answer.* FROM pg_catalog.set_config('${SETTING}', $${parameters + 1}::text, true) AS own (proof)
      CROSS JOIN LATERAL (SELECT * FROM (${text}) AS asked WHERE own.proof IS NOT NULL OFFSET 0) AS answer`;
    this.#wrapped.set(text, wrapped);
    return wrapped;
  }
}

/** The two blocks of a key, with which a database makes the same signatures by SHA-256 alone. */
export function blocksOf(key: string): { readonly inner: Buffer; readonly outer: Buffer } {
  const block = Buffer.alloc(BLOCK);
  const bytes = Buffer.from(key);
  (bytes.length > BLOCK ? createHash("sha256").update(bytes).digest() : bytes).copy(block);
  const xor = (byte: number) => Buffer.from(block.map((each) => each ^ byte));
  return { inner: xor(INNER), outer: xor(OUTER) };
}
