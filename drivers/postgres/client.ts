/** What is used of a client of the `postgres` package. */
export interface PostgresClient {
  /** Runs one statement with parameters. */
  unsafe(
    text: string,
    // biome-ignore lint/suspicious/noExplicitAny: the client's own parameter type cannot be named without importing it
    parameters?: any[],
    options?: { prepare?: boolean },
  ): Answer;
  /** Ends its connection. */
  end(options?: { timeout?: number }): Promise<void>;
}

export type Rows = readonly unknown[] & { readonly count?: number | null };

export interface Answer extends PromiseLike<Rows> {
  /** Has so many rows at a time given to the function, and none in the end; the next ones come when its promise resolves. */
  cursor?(rows: number, take: (rows: Rows) => Promise<unknown>): PromiseLike<Rows>;
}

/** A row of an answer, by the names of its columns. */
export type Row = Readonly<Record<string, unknown>>;

/** One of whose connection more is known. */
export interface PooledClient extends PostgresClient {
  /** Cuts its connection, now and for good. */
  destroy?(): void;
  /** Lets its connection keep the process alive, or not. */
  ref?(): void;
  unref?(): void;
}

/** What is told of a connection while it stands. */
export interface ConnectionEvents {
  /** It has ended. */
  readonly closed: () => void;
  /** The server has a warning. https://www.postgresql.org/docs/current/protocol-error-fields.html */
  readonly notice: (notice: { readonly routine?: unknown }) => void;
}
