import {
  type ApplyOptions,
  type Commit,
  type CountQuery,
  compareByIdentity,
  compareByKind,
  compareText,
  type Driver,
  type DriverStatus,
  decide,
  type EraseTarget,
  isInTarget,
  isSeen,
  type Outcome,
  type ScanPage,
  type ScanQuery,
  type SeenEvent,
  type Session,
  type SessionsPage,
  type SessionsQuery,
  type Slot,
  type StoredRecord,
  type Swept,
  slotKey,
  targetOf,
  type Write,
} from "../../src/index.js";

/** What a space holds: the current records, and every event id that is remembered, the one saved last at the end. */
export class ReferenceSpace {
  /** The current records, by slot. */
  readonly records = new Map<string, StoredRecord>();
  /** What is remembered of event ids, by tenant and id. */
  readonly events = new Map<string, RememberedEvent>();
}

export type RememberedEvent = Omit<SeenEvent, "current"> & {
  readonly tenant: string;
  readonly eventId: string;
  readonly slot: Slot;
};

/** The contract of a driver in its plainest form: Maps, and nothing that makes it fast. */
export class ReferenceDriver implements Driver {
  protected readonly space: ReferenceSpace;

  constructor(space: ReferenceSpace = new ReferenceSpace()) {
    this.space = space;
  }

  async apply(commits: readonly Commit[], options: ApplyOptions): Promise<readonly Outcome[]> {
    const outcomes = commits.map((commit) => this.applyOne(commit, options));
    this.forget(2 * commits.reduce((sum, { writes }) => sum + writes.length, 0), options);
    return outcomes;
  }

  async read(slots: readonly Slot[]): Promise<readonly (StoredRecord | undefined)[]> {
    return slots.map((slot) => this.space.records.get(this.slotKey(slot)));
  }

  async readByEventId(session: Session, eventId: string): Promise<StoredRecord | undefined> {
    const event = this.space.events.get(this.eventKey(session.tenant, eventId));
    if (!event || !this.isCurrent(event) || !this.isOf(event.slot, session)) return undefined;
    return this.space.records.get(this.slotKey(event.slot));
  }

  async scan(query: ScanQuery): Promise<ScanPage> {
    const compare = this.comparison(query);
    const found = [...this.space.records.values()].filter((record) => this.matches(record, query));
    found.sort(query.reverse ? (a, b) => compare(b, a) : compare);
    const records = query.bytes === false ? found.map(withoutBytes) : found;
    let bytes = 0;
    const tooFar = records.findIndex((record, index) => {
      const full = index >= query.limit || bytes >= query.maxBytes;
      bytes += record.bytes.byteLength;
      return full;
    });
    return tooFar < 0 ? { records, more: false } : { records: records.slice(0, tooFar), more: true };
  }

  async count(query: CountQuery): Promise<number> {
    const all = { ...query, maxBytes: Number.MAX_SAFE_INTEGER, reverse: false };
    return (await this.scan(all)).records.length;
  }

  async scanSessions(query: SessionsQuery): Promise<SessionsPage> {
    const found = [...this.space.records.values()].filter((record) => this.isOfUser(record, query));
    const sessions = [...new Set(found.map(({ session }) => session))].sort(compareText);
    return { sessions: sessions.slice(0, query.limit), more: sessions.length > query.limit };
  }

  /** There is nothing: an erase removes all there is at once. */
  async sweep(_target: EraseTarget): Promise<Swept> {
    return { removed: 0, more: false };
  }

  async status(): Promise<DriverStatus> {
    return { target: "memory", schemaVersion: 1, pendingMigrations: [] };
  }

  async close(): Promise<void> {}

  protected applyOne(commit: Commit, options: ApplyOptions): Outcome {
    const outcome = this.judge(commit, options);
    if (outcome.is !== "applied") return outcome;
    const erased: number[] = [];
    for (const write of commit.writes) {
      if (write.op === "erase") erased.push(this.erase(targetOf(write)));
      else this.write(write, options.now);
    }
    return erased.length === 0 ? outcome : { ...outcome, erased };
  }

  protected erase(target: EraseTarget): number {
    const erased = [...this.space.records.values()].filter((record) => this.isErased(record, target));
    for (const record of erased) {
      this.space.records.delete(this.slotKey(record));
      this.forgetContent(record);
    }
    return erased.length;
  }

  protected judge(commit: Commit, { now, window }: ApplyOptions): Outcome {
    return decide(commit, {
      current: (slot) => this.space.records.get(this.slotKey(slot))?.eventId,
      event: (tenant, eventId) => {
        const event = this.space.events.get(this.eventKey(tenant, eventId));
        return event && { ...event, current: this.isCurrent(event) };
      },
      now,
      window,
    });
  }

  protected write(write: Write, now: number): void {
    if (write.op === "delete") this.space.records.delete(this.slotKey(write.slot));
    if (write.op !== "save") return;
    const { tenant, user, session, run, kind, eventId, fingerprint } = write.record;
    const slot = { tenant, user, session, run, kind };
    this.space.records.set(this.slotKey(slot), write.record);
    this.remember({ tenant, eventId, fingerprint, savedAt: now, slot });
  }

  /** Drops ids whose window has passed, oldest first; one that is still current goes to the end of the line. */
  protected forget(atMost: number, { now, window }: ApplyOptions): void {
    let looked = 0;
    for (const event of this.space.events.values()) {
      if (looked++ === atMost || isSeen({ ...event, current: false }, now, window)) return;
      if (this.isCurrent(event)) this.remember(event);
      else this.space.events.delete(this.eventKey(event.tenant, event.eventId));
    }
  }

  protected remember(event: RememberedEvent): void {
    const key = this.eventKey(event.tenant, event.eventId);
    this.space.events.delete(key);
    this.space.events.set(key, event);
  }

  /** Of an erased record only the event id stays known. */
  protected forgetContent(record: StoredRecord): void {
    const key = this.eventKey(record.tenant, record.eventId);
    const event = this.space.events.get(key);
    if (event) this.space.events.set(key, { ...event, fingerprint: null });
  }

  protected isCurrent(event: RememberedEvent): boolean {
    return this.space.records.get(this.slotKey(event.slot))?.eventId === event.eventId;
  }

  protected isErased(record: Slot, target: EraseTarget): boolean {
    return isInTarget(record, target);
  }

  /** Whether the record of an event may be read by its id. */
  protected isOf(record: Slot, session: Session): boolean {
    return sameSession(record, session);
  }

  protected matches(record: Slot, query: ScanQuery): boolean {
    const compare = this.comparison(query);
    if (!this.startsWith(record.kind, query.prefix) || !this.isWithin(record, query)) return false;
    if (query.from && compare(record, query.from) < 0) return false;
    if (query.after && compare(record, query.after) <= 0) return false;
    return !query.before || compare(record, query.before) < 0;
  }

  protected isWithin(record: Slot, { tenant, identity }: ScanQuery): boolean {
    if (identity) return sameSession(record, identity) && record.run === identity.run;
    return tenant === undefined || record.tenant === tenant;
  }

  /** Whether the record makes its session one that a listing of a user's sessions returns. */
  protected isOfUser(record: Slot, { tenant, user, prefix, after }: SessionsQuery): boolean {
    if (record.tenant !== tenant || record.user !== user || !record.session.startsWith(prefix)) return false;
    return after === undefined || compareByIdentity(record, after) > 0;
  }

  protected startsWith(kind: string, prefix: string): boolean {
    return kind.startsWith(prefix);
  }

  protected comparison(query: ScanQuery): (a: Slot, b: Slot) => number {
    return query.identity ? compareByIdentity : compareByKind;
  }

  protected slotKey(slot: Slot): string {
    return slotKey(slot);
  }

  protected eventKey(tenant: string, eventId: string): string {
    return `${tenant}\0${eventId}`;
  }
}

function withoutBytes(record: StoredRecord): StoredRecord {
  return { ...record, bytes: new Uint8Array() };
}

function sameSession(a: Session, b: Session): boolean {
  return a.tenant === b.tenant && a.user === b.user && a.session === b.session;
}
