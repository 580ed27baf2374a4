/** What a database may hold in a column. */
export type Value = string | bigint | number | Buffer | NotUtf8 | null;

/** Text that is none. Only written: it is read as a string. */
export class NotUtf8 {
  readonly bytes: Buffer;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }
}

export interface RawRecord {
  readonly id: Value;
  readonly tenant: Value;
  readonly user: Value;
  readonly session: Value;
  readonly run: Value;
  readonly kind: Value;
  readonly eventId: Value;
  readonly fingerprint: Value;
  readonly version: Value;
  readonly updatedAt: Value;
  readonly bytes: Value;
  /** What of its place is text that is none. */
  readonly broken: readonly string[];
}

export interface RawEvent {
  /** Its place in the line, where the driver has one. */
  readonly id?: Value;
  readonly tenant: Value;
  readonly eventId: Value;
  /** The `id` of the record it was saved as. */
  readonly record: Value;
  readonly fingerprint: Value;
  readonly savedAt: Value;
  readonly linedUpAt: Value;
}

export interface Rows {
  /** In the order of a scan across identities. */
  readonly records: readonly RawRecord[];
  readonly events: readonly RawEvent[];
}

/** A change behind the store's back: `set` some columns of a row, or without it remove the row. */
export type Edit =
  | { readonly record: RawRecord; readonly set?: Partial<RawRecord> }
  | { readonly event: RawEvent; readonly set?: Partial<RawEvent> };

/** The rows of a database, beside the store. */
export interface RawRows {
  read(): Promise<Rows>;
  /** One after another. */
  edit(edits: readonly Edit[]): Promise<void>;
  /** Every event whose times are possible was saved so many milliseconds earlier. */
  age(ms: number): Promise<void>;
  /** What is there now is what `restore` brings back. */
  keep(): Promise<void>;
  restore(): Promise<void>;
}
