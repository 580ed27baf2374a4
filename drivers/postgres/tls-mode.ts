import { readFileSync } from "node:fs";
import { invalid, StateError } from "../../src/contract/errors.js";

export type Environment = Readonly<Record<string, string | undefined>>;

/** How a connection is encrypted, and how the server's certificate is checked. */
export interface Tls {
  /**
   * - `disable`: no encryption.
   * - `prefer`: encrypted if the server supports it.
   * - `require`: encrypted, or no connection; the certificate is not checked.
   * - `verify-ca`: also requires a certificate of a trusted authority.
   * - `verify-full`: also requires the host's name in the certificate.
   */
  readonly mode: "disable" | "prefer" | "require" | "verify-ca" | "verify-full";
  /** Starts with the TLS handshake, without asking whether the server supports TLS. */
  readonly direct: boolean;
  /** The trusted certificate authorities, in place of Node's. */
  readonly ca?: Uint8Array;
  readonly cert?: Uint8Array;
  readonly key?: Uint8Array;
  readonly passphrase?: string;
}

/** The values of libpq's sslmode (https://www.postgresql.org/docs/current/libpq-ssl.html) and of the package's `ssl`. */
const MODES: Readonly<Record<string, Tls["mode"]>> = {
  disable: "disable",
  false: "disable",
  // In effect both mean: encrypted if the server supports it, and any certificate is accepted.
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
  // hasOwn, so that names like "constructor" are not found.
  const mode = text === undefined ? "disable" : Object.hasOwn(MODES, text) ? MODES[text] : undefined;
  if (mode === undefined) {
    throw invalid("url", "given an sslmode of disable, allow, prefer, require, verify-ca or verify-full");
  }
  if (root === "system") return "verify-full";
  // A caller who names a root certificate wants it to be checked, as in libpq.
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
