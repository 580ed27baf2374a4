import { isStateError } from "../contract/errors.js";
import type { SessionIdentity, StateStore } from "../contract/store.js";
import {
  createSessions,
  type ExpectOptions,
  type ReadEventsOptions,
  type Replacement,
  type SessionEvent,
  type Sessions,
  type TruncateRange,
} from "../sessions/index.js";
import type { JsonValue } from "../typed/json-value.js";
import { together } from "../typed/together/together.js";
import type { Unit } from "../typed/together/unit.js";

/** What `groundstate/sessions` appends in one call. */
const APPEND = 200;
const ATTEMPTS = 10;

type OwnSession = ReturnType<Sessions<JsonValue, JsonValue>["in"]>;

/** Its calls in one commit. */
export interface ConversationChange {
  /** The commit that the calls belong to. */
  readonly unit: Unit;
  /** The session's calls in it. */
  readonly session: OwnSession;
  /** Appends values at the end; with `expect`, CONDITION_FAILED where it is not the number of the last event. */
  append(values: readonly JsonValue[], options?: ExpectOptions): Promise<void>;
  /** Writes an event again, under the number that it has. */
  replace(replacement: Replacement<JsonValue>): Promise<unknown>;
  /** Takes back up to 1,000 events at the end. */
  truncate(range: TruncateRange, options?: ExpectOptions): Promise<unknown>;
}

/** A session of `groundstate/sessions` that an adapter fills. It is created with its first event. */
export class Conversation {
  readonly #store: StateStore;
  readonly #sessions: Sessions<JsonValue, JsonValue>;
  readonly #metadata: Readonly<Record<string, string>>;
  /** Whose it is. */
  readonly identity: SessionIdentity;

  /** `metadata` is what the session is created with. */
  constructor(store: StateStore, identity: SessionIdentity, metadata: Readonly<Record<string, string>>) {
    this.#store = store;
    this.#sessions = createSessions(store);
    this.#metadata = metadata;
    this.identity = identity;
  }

  /** The events of a range that have a value; none where there is no session. */
  async read(range?: ReadEventsOptions): Promise<SessionEvent<JsonValue>[]> {
    const events = await unlessMissing(() => this.#sessions.read(this.identity, range));
    return (events ?? []).filter(({ value }) => value !== undefined);
  }

  /** The last events, in their order. */
  async last(limit: number): Promise<SessionEvent<JsonValue>[]> {
    return (await this.read({ reverse: true, limit })).reverse();
  }

  /** Takes back the last event, and returns its value. */
  async pop(): Promise<JsonValue | undefined> {
    return (await unlessMissing(() => this.#sessions.pop(this.identity)))?.[0]?.value;
  }

  /** Makes calls in one commit. Those of the session are refused with NOT_FOUND where there is none. */
  async change(work: (change: ConversationChange) => Promise<unknown>): Promise<void> {
    await together(this.#store, (unit) => work(this.#in(unit)));
  }

  /** The same; where there is no session yet, it is created in the commit. */
  async changeOrCreate(work: (change: ConversationChange) => Promise<unknown>): Promise<void> {
    try {
      await this.change(work);
    } catch (error) {
      if (!isStateError(error, "NOT_FOUND")) throw error;
      await this.change(async (change) => {
        await change.session.create(this.identity, { metadata: this.#metadata }).catch((refused) => {
          // Another call was faster.
          if (!isStateError(refused, "ALREADY_EXISTS")) throw refused;
        });
        await work(change);
      });
    }
  }

  #in(unit: Unit): ConversationChange {
    const session = this.#sessions.in(unit);
    return {
      unit,
      session,
      replace: (replacement) => session.replace(this.identity, replacement),
      truncate: (range, options) => session.truncate(this.identity, range, options),
      append: async (values, options) => {
        for (let at = 0; at < values.length; at += APPEND) {
          const events = values.slice(at, at + APPEND).map((value) => ({ value }));
          await session.append(this.identity, events, at === 0 ? options : undefined);
        }
      },
    };
  }
}

/** Makes the attempt again, up to ten times, where the conversation went on between its reads and its writes. */
export async function unlessChanged<R>(attempt: () => Promise<R>): Promise<R> {
  for (let left = ATTEMPTS; ; left--) {
    try {
      return await attempt();
    } catch (error) {
      if (left === 0 || !isStateError(error, "CONDITION_FAILED")) throw error;
    }
  }
}

/** `undefined` where there is no session. */
export async function unlessMissing<R>(call: () => Promise<R>): Promise<R | undefined> {
  try {
    return await call();
  } catch (error) {
    if (isStateError(error, "NOT_FOUND")) return undefined;
    throw error;
  }
}
