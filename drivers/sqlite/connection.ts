/** What is used of a better-sqlite3 statement. */
export interface Statement {
  run(...values: unknown[]): { readonly changes: number; readonly lastInsertRowid: number | bigint };
  get(...values: unknown[]): unknown;
  all(...values: unknown[]): unknown[];
  iterate(...values: unknown[]): IterableIterator<unknown>;
  /** Rows as arrays of columns. */
  raw(): Statement;
}

/** What is used of a better-sqlite3 connection. Synchronous, and it never waits for a lock. */
export interface Connection {
  prepare(sql: string): Statement;
  exec(sql: string): unknown;
  pragma(source: string, options: { readonly simple: true }): unknown;
  close(): unknown;
  readonly inTransaction: boolean;
}

export interface ConnectOptions {
  readonly readonly?: boolean;
  readonly fileMustExist?: boolean;
}

/** Opens a connection to an absolute path or `:memory:`. */
export type Connect = (path: string, options?: ConnectOptions) => Connection;

/** Limits the connection's page cache. The operating system caches the rest. */
export function limitCache(connection: Connection, kib: number): void {
  try {
    connection.exec(`PRAGMA cache_size = -${kib}`);
  } catch {
    // Another connection holds the lock: the old limit stays.
  }
}
