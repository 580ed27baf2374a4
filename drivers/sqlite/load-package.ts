import { readFileSync, realpathSync } from "node:fs";
import { createRequire } from "node:module";
import type { Connect, Connection, ConnectOptions } from "./connection.js";
import { setupError } from "./errors.js";
import { requireSoundLibrary } from "./library-version.js";
import { BUNDLE_ADVICE, ownUrl } from "./own-url.js";

export interface PackageSearch {
  /** The file whose packages are searched. */
  readonly from?: string | URL;
  readonly nodeVersion?: string;
}

/** The parts of better-sqlite3 that the driver uses. */
export interface SqlitePackage {
  /** The path of its entry file. Another path means another SQLite library. */
  readonly location: string;
  readonly connect: Connect;
  readonly SqliteError: new (message: string, code: string) => Error;
}

interface ConnectionClass {
  new (path: string, options: ConnectOptions & { readonly timeout: number }): Connection;
  readonly SqliteError: SqlitePackage["SqliteError"];
}

interface FoundPackage {
  readonly location: string;
  readonly version: string;
  load(): ConnectionClass;
}

let loaded: SqlitePackage | undefined;

/** better-sqlite3, loaded once. UNAVAILABLE, with what to install, when that cannot be done. */
export async function loadPackage(): Promise<SqlitePackage> {
  loaded ??= await loadPackageFrom({});
  return loaded;
}

/** The package that a file at `from` would load, under this version of Node. */
export async function loadPackageFrom(search: PackageSearch): Promise<SqlitePackage> {
  const { from = ownUrl(), nodeVersion = process.versions.node } = search;
  const compatible = major(nodeVersion) < 22 ? "better-sqlite3@12" : "better-sqlite3@13";
  const found = find(from, compatible);
  if (major(found.version) >= 13 && major(nodeVersion) < 22) {
    // Loading it would crash the process without an error to catch.
    throw setupError(
      `better-sqlite3 ${found.version} needs Node 22 and this is Node ${nodeVersion}: npm install ${compatible}`,
    );
  }
  const sqlite = load(found);
  requireSoundLibrary(sqlite.connect, `better-sqlite3 ${found.version}`, compatible);
  return sqlite;
}

function find(from: string | URL | undefined, compatible: string): FoundPackage {
  try {
    // `require` from createRequire, because bundlers would try to resolve an `import()` themselves.
    const require = createRequire(from ?? "");
    const manifest = readFileSync(require.resolve("better-sqlite3/package.json"), "utf8");
    const entry = require.resolve("better-sqlite3");
    const { version } = JSON.parse(manifest);
    return { location: realpathSync(entry), version: String(version), load: () => require(entry) };
  } catch (error) {
    throw setupError(
      `the sqlite driver needs a package that is not here: npm install ${compatible} (in a bundle: ${BUNDLE_ADVICE})`,
      error,
    );
  }
}

function load({ location, version, load }: FoundPackage): SqlitePackage {
  try {
    const Database = load();
    // No timeout: SQLite's own wait for a lock would block the event loop.
    const connect: Connect = (path, options) => new Database(path, { ...options, timeout: 0 });
    // The native part is loaded with the first connection.
    connect(":memory:").close();
    return { location, connect, SqliteError: Database.SqliteError };
  } catch (error) {
    throw setupError(
      `better-sqlite3 ${version} is installed but does not load: npm rebuild better-sqlite3 (its install script fetches or compiles the native part; in a bundle: ${BUNDLE_ADVICE})`,
      error,
    );
  }
}

function major(version: string): number {
  return Number.parseInt(version, 10);
}
