import type Database from "better-sqlite3";
import { eventKey, storedFingerprint } from "../../dist/drivers/sqlite/event-key.js";
import { PackedEvents } from "../../dist/drivers/sqlite/queued-events.js";

const TENANT = `
INSERT INTO tenant (name) VALUES (?) ON CONFLICT DO UPDATE SET name = excluded.name RETURNING id`;
const SEEN = "INSERT INTO seen (event_id, tenant, record, saved_at, fingerprint) VALUES (?, ?, ?, ?, ?)";
const EXPIRY = "INSERT INTO expiry (lined_up_at, events) VALUES (?, ?)";

/** How many events one row of the queue holds. */
const QUEUED = 24;

export interface FloorEvent {
  readonly tenant: string;
  readonly eventId: string;
  readonly record: number;
  readonly fingerprint: string;
  readonly now: number;
}

/** The floor's tables of remembered events, filled without the floor. */
export class FloorEvents {
  readonly #tenant: Database.Statement;
  readonly #seen: Database.Statement;
  readonly #expiry: Database.Statement;
  readonly #tenants = new Map<string, number>();
  #queued = new PackedEvents();

  constructor(database: Database.Database) {
    this.#tenant = database.prepare(TENANT).pluck();
    this.#seen = database.prepare(SEEN);
    this.#expiry = database.prepare(EXPIRY);
  }

  add({ tenant, eventId, record, fingerprint, now }: FloorEvent): void {
    let number = this.#tenants.get(tenant);
    if (number === undefined) {
      number = this.#tenant.get(tenant) as number;
      this.#tenants.set(tenant, number);
    }
    const key = eventKey(eventId);
    this.#seen.run(key, number, record, now, storedFingerprint(fingerprint));
    this.#queued.add({ key, tenant: number });
    if (this.#queued.count === QUEUED) this.flush(now);
  }

  /** To be called before a transaction ends. */
  flush(now: number): void {
    if (this.#queued.count > 0) this.#expiry.run(now, this.#queued.slice(0, this.#queued.count));
    this.#queued = new PackedEvents();
  }
}
