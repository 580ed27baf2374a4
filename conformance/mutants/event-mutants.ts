import {
  type ApplyOptions,
  type Commit,
  decide,
  type Outcome,
  type Session,
  type StoredRecord,
  type Write,
} from "../../src/index.js";
import type { ReferenceDriver, RememberedEvent } from "../harness/reference-driver.js";
import { brokenDriver, type Mutant } from "./mutant.js";

/** Drivers that are wrong about which events were seen, and for how long. */
export const eventMutants: readonly Mutant[] = [
  brokenDriver(
    "forgets-overwritten-events",
    "idempotency/late-retry-after-overwrite",
    (base) =>
      class extends base {
        protected override write(write: Write, now: number): void {
          if (write.op === "save") {
            const before = this.space.records.get(this.slotKey(write.record));
            if (before) this.space.events.delete(this.eventKey(before.tenant, before.eventId));
          }
          super.write(write, now);
        }
      },
  ),
  brokenDriver(
    "begins-the-window-anew-with-a-retry",
    "window/from-the-save",
    (base) =>
      class extends base {
        protected override applyOne(commit: Commit, options: ApplyOptions): Outcome {
          const outcome = super.applyOne(commit, options);
          for (const write of commit.writes) {
            if (outcome.is !== "duplicate" || write.op !== "save") continue;
            const { tenant, eventId } = write.record;
            const event = this.space.events.get(this.eventKey(tenant, eventId));
            if (event) this.remember({ ...event, savedAt: options.now });
          }
          return outcome;
        }
      },
  ),
  brokenDriver(
    "begins-the-window-when-a-record-goes",
    "window/from-the-save",
    (base) =>
      class extends base {
        protected override write(write: Write, now: number): void {
          const slot = write.op === "save" ? write.record : write.op === "delete" ? write.slot : undefined;
          const before = slot && this.space.records.get(this.slotKey(slot));
          const event = before && this.space.events.get(this.eventKey(before.tenant, before.eventId));
          if (event) this.remember({ ...event, savedAt: now });
          super.write(write, now);
        }
      },
  ),
  brokenDriver(
    "forgets-deleted-events",
    "idempotency/late-retry-after-delete",
    (base) =>
      class extends base {
        protected override write(write: Write, now: number): void {
          const gone = write.op === "delete" && this.space.records.get(this.slotKey(write.slot));
          if (gone) this.space.events.delete(this.eventKey(gone.tenant, gone.eventId));
          super.write(write, now);
        }
      },
  ),
  brokenDriver(
    "forgets-erased-events",
    "idempotency/late-retry-after-erase",
    (base) =>
      class extends base {
        protected override forgetContent(record: StoredRecord): void {
          this.space.events.delete(this.eventKey(record.tenant, record.eventId));
        }
      },
  ),
  brokenDriver(
    "remembers-erased-content",
    "idempotency/erased-content-is-forgotten",
    (base) =>
      class extends base {
        protected override forgetContent(): void {}
      },
  ),
  brokenDriver(
    "shares-event-ids-between-tenants",
    "idempotency/tenants-apart",
    (base) =>
      class extends base {
        protected override eventKey(_: string, eventId: string): string {
          return eventId;
        }
      },
  ),
  brokenDriver(
    "folds-event-ids",
    "idempotency/ids-are-literal",
    (base) =>
      class extends base {
        protected override eventKey(tenant: string, eventId: string): string {
          return super.eventKey(tenant, eventId.trim().toLowerCase().normalize());
        }
      },
  ),
  brokenDriver(
    "takes-the-time-of-a-retry",
    "idempotency/retry",
    (base) =>
      class extends base {
        protected override applyOne(commit: Commit, options: ApplyOptions): Outcome {
          const outcome = super.applyOne(commit, options);
          if (outcome.is === "duplicate") for (const write of commit.writes) this.#touch(write);
          return outcome;
        }

        #touch(write: Write): void {
          const current = write.op === "save" && this.space.records.get(this.slotKey(write.record));
          if (current)
            this.space.records.set(this.slotKey(current), { ...current, updatedAt: write.record.updatedAt });
        }
      },
  ),
  brokenDriver("trusts-event-ids", "idempotency/other-bytes", (base) => comparing(base, () => "")),
  brokenDriver("compares-bytes-alone", "idempotency/other-version", (base) =>
    comparing(base, ({ bytes }) => Buffer.from(bytes).toString("hex")),
  ),
  brokenDriver("compares-content-without-its-slot", "idempotency/other-slot", (base) =>
    comparing(base, ({ bytes, version }) => `${version} ${Buffer.from(bytes).toString("hex")}`),
  ),
  brokenDriver(
    "forgets-what-was-overwritten",
    "idempotency/conflict-after-overwrite",
    (base) =>
      class extends base {
        protected override write(write: Write, now: number): void {
          const before = write.op === "save" && this.space.records.get(this.slotKey(write.record));
          super.write(write, now);
          if (before) this.forgetContent(before);
        }
      },
  ),
  brokenDriver(
    "forgets-what-was-deleted",
    "idempotency/conflict-after-delete",
    (base) =>
      class extends base {
        protected override write(write: Write, now: number): void {
          const gone = write.op === "delete" && this.space.records.get(this.slotKey(write.slot));
          super.write(write, now);
          if (gone) this.forgetContent(gone);
        }
      },
  ),
  brokenDriver(
    "judges-conditions-before-replay",
    "idempotency/replay-needs-no-condition",
    (base) =>
      class extends base {
        protected override judge(commit: Commit, options: ApplyOptions): Outcome {
          const conditions = conditionsOf(
            commit,
            (slot) => this.space.records.get(this.slotKey(slot))?.eventId,
          );
          return conditions.is === "condition" ? conditions : super.judge(commit, options);
        }
      },
  ),
  brokenDriver(
    "remembers-refused-events",
    "idempotency/refused-is-unseen",
    (base) =>
      class extends base {
        protected override applyOne(commit: Commit, options: ApplyOptions): Outcome {
          const outcome = super.applyOne(commit, options);
          for (const write of outcome.is === "condition" ? commit.writes : []) {
            if (write.op !== "save") continue;
            const { tenant, eventId, fingerprint } = write.record;
            this.remember({ tenant, eventId, fingerprint, savedAt: options.now, slot: write.record });
          }
          return outcome;
        }
      },
  ),
  brokenDriver(
    "knows-no-window",
    "window/overwritten-id-ends",
    (base) =>
      class extends base {
        override apply(commits: readonly Commit[], { now }: ApplyOptions): Promise<readonly Outcome[]> {
          return super.apply(commits, { now, window: Number.POSITIVE_INFINITY });
        }
      },
  ),
  brokenDriver(
    "never-forgets-erased-events",
    "window/deleted-id-ends",
    (base) =>
      class extends base {
        protected override forgetContent(record: StoredRecord): void {
          super.forgetContent(record);
          const event = this.space.events.get(this.eventKey(record.tenant, record.eventId));
          if (event) this.remember({ ...event, savedAt: Number.POSITIVE_INFINITY });
        }
      },
  ),
  brokenDriver(
    "forgets-current-events",
    "window/current-stays-seen",
    (base) =>
      class extends base {
        protected override forget(_: number, { now, window }: ApplyOptions): void {
          for (const event of this.space.events.values()) {
            if (event.savedAt <= now - window)
              this.space.events.delete(this.eventKey(event.tenant, event.eventId));
          }
        }
      },
  ),
  brokenDriver(
    "keeps-the-first-content",
    "window/starts-anew",
    (base) =>
      class extends base {
        protected override remember(event: RememberedEvent): void {
          const before = this.space.events.get(this.eventKey(event.tenant, event.eventId));
          super.remember(before ? { ...event, fingerprint: before.fingerprint } : event);
        }

        protected override forget(): void {}
      },
  ),
  brokenDriver(
    "measures-by-updated-at",
    "window/not-by-updated-at",
    (base) =>
      class extends base {
        protected override write(write: Write): void {
          super.write(write, write.op === "save" ? write.record.updatedAt : 0);
        }
      },
  ),
  brokenDriver(
    "forgets-records-with-events",
    "window/forgetting-keeps-records",
    (base) =>
      class extends base {
        protected override forget(_: number, { now, window }: ApplyOptions): void {
          for (const event of this.space.events.values()) {
            if (event.savedAt <= now - window) this.space.records.delete(this.slotKey(event.slot));
          }
        }
      },
  ),
  brokenDriver(
    "finds-events-that-are-gone",
    "events/no-longer-current",
    (base) =>
      class extends base {
        readonly #ever = new Map<string, StoredRecord>();

        override async readByEventId(session: Session, eventId: string): Promise<StoredRecord | undefined> {
          return this.#ever.get(this.eventKey(session.tenant, eventId));
        }

        protected override write(write: Write, now: number): void {
          super.write(write, now);
          if (write.op === "save")
            this.#ever.set(this.eventKey(write.record.tenant, write.record.eventId), write.record);
        }
      },
  ),
];

/** A driver that takes two writes for the same when this is the same of them. */
function comparing(base: typeof ReferenceDriver, content: (record: StoredRecord) => string) {
  return class extends base {
    protected override judge(commit: Commit, options: ApplyOptions): Outcome {
      const writes = commit.writes.map((write) =>
        write.op === "save"
          ? { ...write, record: { ...write.record, fingerprint: content(write.record) } }
          : write,
      );
      return super.judge({ ...commit, writes }, options);
    }

    protected override write(write: Write, now: number): void {
      super.write(write, now);
      if (write.op !== "save") return;
      const event = this.space.events.get(this.eventKey(write.record.tenant, write.record.eventId));
      if (event) this.remember({ ...event, fingerprint: content(write.record) });
    }
  };
}

/** What a commit comes to by its conditions alone. */
export function conditionsOf(
  commit: Commit,
  current: (slot: Parameters<ReferenceDriver["read"]>[0][number]) => string | undefined,
): Outcome {
  return decide(commit, { current, event: () => undefined, now: 0, window: 0 });
}
