/** The part of a client of the `postgres` package that the driver uses. */
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
  /** Calls `take` with `rows` rows at a time. Fetches the next ones when its promise resolves; resolves with no rows. */
  cursor?(rows: number, take: (rows: Rows) => Promise<unknown>): PromiseLike<Rows>;
}

/** A row of an answer, by column name. */
export type Row = Readonly<Record<string, unknown>>;

/** A client whose socket the driver controls, where `url` was given. */
export interface PooledClient extends PostgresClient {
  /** Destroys its socket, immediately and for good. */
  destroy?(): void;
  /** Whether its connection keeps the process alive. */
  ref?(): void;
  unref?(): void;
}

/** Events of an open connection. */
export interface ConnectionEvents {
  /** The connection has ended. */
  readonly closed: () => void;
  /** The server sent a warning. https://www.postgresql.org/docs/current/protocol-error-fields.html */
  readonly notice: (notice: { readonly routine?: unknown }) => void;
  /** A notification of a channel that the connection listens to. */
  readonly notified?: ((channel: string, payload: string) => void) | undefined;
}
