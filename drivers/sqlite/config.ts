import { basename, resolve } from "node:path";
import { invalid } from "../../src/contract/errors.js";
import { readDriverConfig } from "../../src/validation/store-options.js";
import { readBoolean } from "../../src/validation/validate.js";
import type { MigrateMode } from "../migrations.js";

/** Exactly one of `path` and `url`. An option that is present with the value `undefined` is INVALID_RECORD. */
export interface SqliteConfig {
  /** The database file, made when there is none (its folder must exist), or `:memory:`. */
  readonly path?: string;
  /** `sqlite:` and a path; everything after the colon is the path, as it is. */
  readonly url?: string;
  /**
   * What an acknowledged write survives. `full` (the default): loss of power. `process`: any end of the process, but a loss
   * of power may undo the last writes. The file stays sound either way.
   */
  readonly durability?: "full" | "process";
  /** Default `apply`. A database in memory is always new, and its schema is made whatever this says. */
  readonly migrate?: MigrateMode;
  /**
   * How long to wait for a lock that another connection holds, in milliseconds, before UNAVAILABLE; the event loop
   * stays free meanwhile. 0 to 2,147,483,647; default 5,000. A call takes at most this time, plus its wait in the store's
   * queue (`queueTimeoutMs`), plus the time of the disk, which nothing cuts short.
   */
  readonly busyTimeoutMs?: number;
  /**
   * Where writes happen. `worker` (the default for a file): in a worker thread, so that neither a commit nor a checkpoint
   * blocks the event loop; a small commit that comes alone is made in the caller's thread as long as the disk makes it in
   * less than about a millisecond. `inline` (the default, and the only choice, for `:memory:`): in the caller's thread
   * alone, also when a commit or a checkpoint takes long.
   */
  readonly thread?: "worker" | "inline";
  /**
   * Overwrites with zeros what is deleted, erased or replaced (`secure_delete` of SQLite), and empties the log after each erase,
   * so that neither the file nor its log holds what was erased. Default false. Every process that writes to the file has to say
   * so; deletes take longer.
   */
  readonly secureErase?: boolean;
}

/** A configuration, checked and complete. */
export interface SqliteSettings {
  /** Absolute, or `:memory:`. */
  readonly path: string;
  readonly durability: "full" | "process";
  readonly migrate: MigrateMode;
  readonly busyTimeoutMs: number;
  readonly thread: "worker" | "inline";
  readonly secureErase: boolean;
}

export const MEMORY = ":memory:";

const OPTIONS = ["path", "url", "durability", "migrate", "busyTimeoutMs", "thread", "secureErase"];
const SCHEME = /^sqlite:/i;
const OPTION = /\?\w+(=|$)/;
/** In bytes. File systems take 255 of a name and SQLite 512 of a path; names beside the file are longer by up to 49. */
const MAX_NAME_BYTES = 255 - 49;
const MAX_PATH_BYTES = 512 - 49;
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/** INVALID_RECORD for what may not be asked. */
export function readConfig(config: SqliteConfig): SqliteSettings {
  readDriverConfig(config, OPTIONS);
  const path = readTarget(config);
  return {
    path,
    durability: readChoice(config, "durability", ["full", "process"]),
    migrate: readChoice(config, "migrate", ["apply", "verify", "off"]),
    busyTimeoutMs: readTimeout(config),
    thread: readChoice(config, "thread", path === MEMORY ? ["inline"] : ["worker", "inline"]),
    secureErase: "secureErase" in config ? readBoolean(config.secureErase, "secureErase") : false,
  };
}

function readTarget(config: SqliteConfig): string {
  if ("path" in config === "url" in config) throw invalid("path", "given, or url instead of it");
  return "path" in config ? readPath(config.path, "path") : readPath(pathOf(config.url), "url");
}

function pathOf(url: unknown): string {
  if (typeof url !== "string" || !SCHEME.test(url)) throw invalid("url", "sqlite: and a path");
  const path = url.replace(SCHEME, "");
  // A caller who means a host would get a file in the root folder.
  if (/^\/\/[^/]/.test(path)) throw invalid("url", "sqlite:./state.db, or sqlite:/folder/state.db");
  // It would become a part of the file's name, and the setting would be ignored.
  if (OPTION.test(path)) {
    throw invalid(
      "url",
      "without options, which go beside it: openStore(url, options); a file of this name opens by path",
    );
  }
  return path;
}

function readPath(path: unknown, field: string): string {
  // To SQLite an empty name means a temporary database, which is gone when it is closed.
  if (typeof path !== "string" || path === "") throw invalid(field, "the path of a file, or :memory:");
  if (path.includes("\0")) throw invalid(field, "a path without NUL");
  // better-sqlite3 would cut the white space off and open another file.
  if (path !== path.trimEnd()) throw invalid(field, "a path that does not end in white space");
  return path === MEMORY ? MEMORY : readLength(resolve(path), field);
}

function readLength(path: string, field: string): string {
  if (Buffer.byteLength(basename(path)) > MAX_NAME_BYTES) {
    throw invalid(field, `the path of a file whose name has at most ${MAX_NAME_BYTES} bytes`);
  }
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) {
    throw invalid(field, `a path of at most ${MAX_PATH_BYTES} bytes, counted from the root`);
  }
  return path;
}

function readChoice<K extends "durability" | "migrate" | "thread">(
  config: SqliteConfig,
  field: K,
  choices: readonly [SqliteSettings[K], ...SqliteSettings[K][]],
): SqliteSettings[K] {
  if (!(field in config)) return choices[0];
  const chosen = choices.find((choice) => choice === config[field]);
  if (chosen === undefined) throw invalid(field, `left out or one of ${choices.join(", ")}`);
  return chosen;
}

function readTimeout(config: SqliteConfig): number {
  if (!("busyTimeoutMs" in config)) return 5_000;
  const { busyTimeoutMs } = config;
  if (
    !Number.isInteger(busyTimeoutMs) ||
    (busyTimeoutMs as number) < 0 ||
    (busyTimeoutMs as number) > MAX_TIMEOUT_MS
  ) {
    throw invalid("busyTimeoutMs", `left out or an integer from 0 to ${MAX_TIMEOUT_MS}`);
  }
  return busyTimeoutMs as number;
}
