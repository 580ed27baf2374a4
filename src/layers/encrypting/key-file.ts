import { describeType } from "../../contract/describe-type.js";
import { invalid, StateError, wrongType } from "../../contract/errors.js";

/** The data keys of a scope, as a key file holds them. */
export interface ExportedRing {
  readonly tenant: string;
  readonly session: string;
  readonly ring: string;
  /** The id of the key that seals what is written. */
  readonly current: string;
  /** Data keys by id, in base64. */
  readonly keys: Readonly<Record<string, string>>;
}

const VERSION = 1;

/** Writes a key file for who holds the identity of a recipient: `age1...`. The format is that of age (https://age-encryption.org/v1). */
export async function writeKeyFile(recipient: string, rings: readonly ExportedRing[]): Promise<Uint8Array> {
  if (typeof recipient !== "string") throw wrongType("recipient", "an age recipient", recipient);
  const { Encrypter } = await age();
  const encrypter = new Encrypter();
  try {
    encrypter.addRecipient(recipient);
  } catch {
    throw invalid("recipient", "an age recipient: age1...");
  }
  return encrypter.encrypt(JSON.stringify({ v: VERSION, rings }));
}

/** Reads a key file with the identity of its recipient: `AGE-SECRET-KEY-1...`. INVALID_RECORD. */
export async function readKeyFile(file: Uint8Array, identity: string): Promise<readonly ExportedRing[]> {
  if (!(file instanceof Uint8Array)) throw wrongType("file", "bytes", file);
  if (typeof identity !== "string") throw wrongType("identity", "an age identity", describeType(identity));
  const { Decrypter } = await age();
  const decrypter = new Decrypter();
  try {
    decrypter.addIdentity(identity);
  } catch {
    throw invalid("identity", "an age identity: AGE-SECRET-KEY-1...");
  }
  return ringsIn(await decrypter.decrypt(file, "text").catch(notForIdentity));
}

function ringsIn(text: string): readonly ExportedRing[] {
  const { v, rings } = JSON.parse(text) as { readonly v: number; readonly rings: readonly ExportedRing[] };
  if (v === VERSION) return rings;
  const message = "the key file was written by newer code";
  throw new StateError("SCHEMA_TOO_NEW", message, { details: { found: v, supported: VERSION } });
}

function notForIdentity(): never {
  throw invalid("file", "a key file for this identity");
}

/** The package is loaded by whoever needs it. */
async function age(): Promise<typeof import("age-encryption")> {
  try {
    // Bundlers leave it: most programs that use other layers do not have it.
    return await import(/* webpackIgnore: true */ /* @vite-ignore */ "age-encryption");
  } catch (cause) {
    const message = "key files need a package that is not here: npm install age-encryption";
    throw new StateError("UNAVAILABLE", message, { cause, details: { reason: "setup" } });
  }
}
