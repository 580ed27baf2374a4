import type { EventId, RecordHeader } from "../contract/store.js";
import { movedEventId } from "../typed/moving/moved-record.js";
import {
  type Attached,
  type GatedRecords,
  isOfKind,
  type MovingRecords,
  type SessionMove,
  type UserData,
} from "../typed/moving/user-data.js";

/** What is known of the records of sessions, of all sorts of data. */
export class MovedKinds {
  readonly #known: readonly (MovingRecords & { readonly of: string })[];
  readonly gated: readonly GatedRecords[];

  constructor(all: readonly UserData[]) {
    this.#known = all.flatMap(({ name, records = [] }) => records.map((record) => ({ ...record, of: name })));
    this.gated = all.flatMap(({ gated = [] }) => gated);
  }

  isIndex(kind: string): boolean {
    return this.#of(kind)?.isIndex === true;
  }

  /** What may be attached to records begins with one of these. */
  get attachedKinds(): readonly string[] {
    return this.#known.filter(({ isAttached }) => isAttached).map(({ kind }) => kind);
  }

  /** The sort of data that counts the record. */
  countedAs(kind: string): string | undefined {
    const known = this.#of(kind);
    return known?.isCounted ? known.of : undefined;
  }

  alongside(kind: string): MovingRecords["alongside"] {
    return this.#of(kind)?.alongside;
  }

  attached(record: RecordHeader): Attached {
    return this.#of(record.kind)?.attached?.(record) ?? { kinds: [], prefixes: [] };
  }

  async eventId(record: RecordHeader, move: SessionMove): Promise<EventId> {
    return (await this.#of(record.kind)?.eventId?.(record, move)) ?? movedEventId(record, move.to);
  }

  /** The prefix of the bulk that the kind belongs to. */
  bulkOf(kind: string): string | undefined {
    for (const { bulk } of this.gated) {
      const prefix = bulk.find((each) => kind.startsWith(each));
      if (prefix !== undefined) return prefix;
    }
    return undefined;
  }

  /** Whether the kind is that of a gate. */
  isGate(kind: string, { gates }: GatedRecords): boolean {
    return gates.some((gate) => isOfKind(kind, gate));
  }

  #of(kind: string): (MovingRecords & { readonly of: string }) | undefined {
    return this.#known.find((known) => isOfKind(kind, known.kind));
  }
}
