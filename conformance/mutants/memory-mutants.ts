import {
  type ApplyOptions,
  type Commit,
  type Outcome,
  type Session,
  type StoredRecord,
  slotOf,
  type Write,
} from "../../src/index.js";
import { brokenDriver, type Mutant } from "./mutant.js";

const COMMITTED_RETRY = "idempotency/late-retry-after-commit";
const COMMITTED_CONFLICT = "idempotency/conflict-after-commit";
const ERASED_ID = "idempotency/every-erased-id-stays-seen";
const ERASED_CONTENT = "idempotency/every-erased-content-is-forgotten";

/** Drivers that forget too much of what is gone, too little, or too soon. */
export const memoryMutants: readonly Mutant[] = [
  brokenDriver(
    "halves-the-window",
    "window/seen-until-it-ends",
    (base) =>
      class extends base {
        override apply(commits: readonly Commit[], options: ApplyOptions): Promise<readonly Outcome[]> {
          return super.apply(commits, halved(options));
        }
      },
  ),
  brokenDriver(
    "forgets-after-half-the-window",
    "window/seen-until-it-ends",
    (base) =>
      class extends base {
        protected override forget(atMost: number, options: ApplyOptions): void {
          super.forget(atMost, halved(options));
        }
      },
  ),
  brokenDriver(
    "never-finds-what-it-missed",
    "events/not-found-before",
    (base) =>
      class extends base {
        readonly #missed = new Set<string>();

        override async readByEventId(session: Session, eventId: string): Promise<StoredRecord | undefined> {
          const key = this.eventKey(session.tenant, eventId);
          const found = this.#missed.has(key) ? undefined : await super.readByEventId(session, eventId);
          if (found === undefined) this.#missed.add(key);
          return found;
        }
      },
  ),
  forgettingInCommits("forgets-events-that-a-commit-overwrote", COMMITTED_RETRY, "save", "id"),
  forgettingInCommits("forgets-events-that-a-commit-deleted", COMMITTED_RETRY, "delete", "id"),
  forgettingInCommits("forgets-content-that-a-commit-overwrote", COMMITTED_CONFLICT, "save", "content"),
  forgettingInCommits("forgets-content-that-a-commit-deleted", COMMITTED_CONFLICT, "delete", "content"),
  erasing("forgets-erased-events-of-runs", ERASED_ID, "forgets the id", ({ run }) => run !== ""),
  erasing("forgets-erased-events-but-the-first", ERASED_ID, "forgets the id", (_, index) => index > 0),
  erasing("remembers-erased-content-of-runs", ERASED_CONTENT, "keeps all", ({ run }) => run !== ""),
  erasing("remembers-erased-content-but-the-first", ERASED_CONTENT, "keeps all", (_, index) => index > 0),
];

function halved({ now, window }: ApplyOptions): ApplyOptions {
  return { now, window: window / 2 };
}

/** Forgets of records that a commit of several writes took. */
function forgettingInCommits(
  id: string,
  breaks: string,
  op: Write["op"],
  forgotten: "id" | "content",
): Mutant {
  return brokenDriver(
    id,
    breaks,
    (base) =>
      class extends base {
        protected override applyOne(commit: Commit, options: ApplyOptions): Outcome {
          const taken = commit.writes.length > 1 ? this.#taken(commit) : [];
          const outcome = super.applyOne(commit, options);
          if (outcome.is === "applied") for (const each of taken) this.#forget(each);
          return outcome;
        }

        #taken({ writes }: Commit): StoredRecord[] {
          return writes
            .filter((write) => write.op === op)
            .map((write) => this.space.records.get(this.slotKey(slotOf(write))))
            .filter((record) => record !== undefined);
        }

        #forget(record: StoredRecord): void {
          if (forgotten === "content") this.forgetContent(record);
          else this.space.events.delete(this.eventKey(record.tenant, record.eventId));
        }
      },
  );
}

/** Does some of the records of a session otherwise than it should when it erases them. */
function erasing(
  id: string,
  breaks: string,
  instead: "forgets the id" | "keeps all",
  of: (record: StoredRecord, index: number) => boolean,
): Mutant {
  return brokenDriver(
    id,
    breaks,
    (base) =>
      class extends base {
        #erased = 0;

        protected override erase(session: Session): number {
          this.#erased = 0;
          return super.erase(session);
        }

        protected override forgetContent(record: StoredRecord): void {
          if (!of(record, this.#erased++)) super.forgetContent(record);
          else if (instead === "forgets the id")
            this.space.events.delete(this.eventKey(record.tenant, record.eventId));
        }
      },
  );
}
