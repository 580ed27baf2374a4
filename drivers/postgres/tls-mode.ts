import { readFileSync } from "node:fs";
import { invalid, StateError } from "../../src/contract/errors.js";

export type Environment = Readonly<Record<string, string | undefined>>;

/** How a connection is encrypted, and whose word is taken for the server being who it is. */
export interface Tls {
  /**
   * - `disable`: no encryption.
   * - `prefer`: encrypted where the server can.
   * - `require`: encrypted, or not at all; the certificate is not looked at.
   * - `verify-ca`: and the certificate has to be vouched for.
   * - `verify-full`: and it has to bear the host's name.
   */
  readonly mode: "disable" | "prefer" | "require" | "verify-ca" | "verify-full";
  /** The TLS handshake comes first, without a question whether the server can. */
  readonly direct: boolean;
  /** Who vouches, in place of those that Node trusts. */
  readonly ca?: Uint8Array;
  readonly cert?: Uint8Array;
  readonly key?: Uint8Array;
  readonly passphrase?: string;
}

/** As https://www.postgresql.org/docs/current/libpq-ssl.html has them, and the `postgres` package's own `ssl`. */
const MODES: Readonly<Record<string, Tls["mode"]>> = {
  disable: "disable",
  false: "disable",
  // In the end both mean: encrypted if that can be had, and whatever comes is taken.
  allow: "prefer",
  prefer: "prefer",
  require: "require",
  "verify-ca": "verify-ca",
  "verify-full": "verify-full",
  true: "verify-full",
};

export function readTls(given: ReadonlyMap<string, string>, env: Environment): Tls {
  const root = given.get("sslrootcert") || env.PGSSLROOTCERT || "";
  const mode = readMode(given.get("sslmode") ?? given.get("ssl") ?? env.PGSSLMODE, root);
  const direct = given.get("sslnegotiation") === "direct";
  if (direct && (mode === "disable" || mode === "prefer")) {
    throw invalid("url", "given sslmode=require or more with sslnegotiation=direct");
  }
  const passphrase = given.get("sslpassword");
  return {
    mode,
    direct,
    ...(root === "" || root === "system" ? {} : { ca: read("sslrootcert", root) }),
    ...fileOf("cert", "sslcert", given),
    ...fileOf("key", "sslkey", given),
    ...(passphrase === undefined ? {} : { passphrase }),
  };
}

function readMode(text: string | undefined, root: string): Tls["mode"] {
  // A word of JavaScript's own must not pass for one of these.
  const mode = text === undefined ? "disable" : Object.hasOwn(MODES, text) ? MODES[text] : undefined;
  if (mode === undefined) {
    throw invalid("url", "given an sslmode of disable, allow, prefer, require, verify-ca or verify-full");
  }
  if (root === "system") return "verify-full";
  // Whoever names a certificate wants it to be asked for.
  return mode === "require" && root !== "" ? "verify-ca" : mode;
}

function fileOf(field: "cert" | "key", name: string, given: ReadonlyMap<string, string>) {
  const path = given.get(name);
  return path ? { [field]: read(name, path) } : {};
}

function read(name: string, path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new StateError("UNAVAILABLE", `the file that ${name} names cannot be read (${code})`, {
      details: { reason: "setup" },
    });
  }
}
