import { isDeepStrictEqual } from "node:util";
import {
  type AppendEventRequest,
  BaseSessionService,
  type CompositeSessionKey,
  type CreateSessionRequest,
  type DeleteSessionRequest,
  type Event,
  type GetSessionRequest,
  type ListSessionsRequest,
  type ListSessionsResponse,
  type Session,
} from "@google/adk";
import { isStateError, StateError } from "../../contract/errors.js";
import type { SessionIdentity, StateStore } from "../../contract/store.js";
import { newEventId } from "../../process/event-id.js";
import { createSessions } from "../../sessions/index.js";
import type { JsonValue } from "../../typed/json-value.js";
import { together } from "../../typed/together/together.js";
import { readNamed } from "../../validation/validate.js";
import { readTenantOwner, type TenantOwner } from "../owner.js";
import { latestWrites } from "./latest-writes.js";
import { pageOf } from "./listed-sessions.js";
import { type SessionMetadata, sessionAt } from "./place.js";
import { eventOfId, type OwnSessions, readWanted } from "./recent-events.js";
import { type Change, mapsOf, scopesOf, writeScopes } from "./scoped-state.js";
import { readPage } from "./session-page.js";
import { sessionAsOfNow } from "./session-snapshot.js";
import { eventToJson, type StoredEvent } from "./stored-event.js";

/** The options of a `GroundstateSessionService`. */
export interface SessionServiceOptions {
  /** The tenant of all sessions, or a function that is given what ADK says of a call. ADK says which user it is of. */
  readonly owner: TenantOwner<{ readonly appName: string }>;
}

/**
 * A session service for Google's Agent Development Kit. Each session is one of `groundstate/sessions`, each event an event of it,
 * and each value of state a value of the session's, the user's or the tenant's state. An event and what its `stateDelta` changes
 * are one commit. Every method rejects with the errors of the store.
 */
export class GroundstateSessionService extends BaseSessionService {
  readonly #store: StateStore;
  readonly #sessions: OwnSessions;
  readonly #tenantOf: (call: { readonly appName: string }) => string;

  constructor(store: StateStore, options: SessionServiceOptions) {
    super();
    readNamed(options, "options", ["owner"]);
    this.#store = store;
    this.#sessions = createSessions<SessionMetadata, JsonValue>(store);
    this.#tenantOf = readTenantOwner(options.owner);
  }

  /** The session of the store that a session of ADK is, for other wrappers: what they keep of it goes when it is deleted. */
  identityOf(key: CompositeSessionKey): SessionIdentity {
    return sessionAt(this.#tenantOf({ appName: key.appName }), key);
  }

  /** Creates a session, and sets the state of its app and its user where `state` has such keys. ALREADY_EXISTS. */
  override async createSession(request: CreateSessionRequest): Promise<Session> {
    const { appName, userId, state, sessionId } = request;
    const key = { appName, userId, sessionId: sessionId || newEventId() };
    const identity = this.identityOf(key);
    await together(this.#store, async (unit) => {
      const own = this.#sessions.in(unit);
      const { session } = await own.create(identity, { metadata: key });
      const change = { appName, delta: scopesOf(state), updated: session.createdAt.getTime(), edited: true };
      await writeScopes(mapsOf(own, identity), change);
    });
    const created = await this.getSession(key);
    if (created === undefined) throw notFound("the session was deleted at once");
    return created;
  }

  /**
   * The session with the events that are asked for, and with its state and that of its user and its app: as they are at one
   * moment. `numRecentEvents` reads no more than these. UNAVAILABLE (`busy`) where the session changes all the time.
   */
  override async getSession({ config, ...key }: GetSessionRequest): Promise<Session | undefined> {
    return sessionAsOfNow(this.#sessions, {
      identity: this.identityOf(key),
      key,
      wanted: readWanted(config),
    });
  }

  /** The session, or a new one, also where several callers ask at once. */
  override async getOrCreateSession(request: CreateSessionRequest): Promise<Session> {
    const { sessionId } = request;
    if (!sessionId) return this.createSession(request);
    const key = { appName: request.appName, userId: request.userId, sessionId };
    const found = await this.getSession(key);
    if (found !== undefined) return found;
    try {
      return await this.createSession(request);
    } catch (error) {
      const created = isStateError(error, "ALREADY_EXISTS") ? await this.getSession(key) : undefined;
      if (created === undefined) throw error;
      return created;
    }
  }

  /**
   * The sessions of a user or of all users of an app, without events and state. It reads the entries of all in pages; the times of
   * those that it shows, or of all where these give the order.
   */
  override async listSessions(request: ListSessionsRequest): Promise<ListSessionsResponse> {
    const { appName, userId, ...asked } = request;
    const who = { tenant: this.#tenantOf({ appName }), appName, ...(userId !== undefined && { userId }) };
    return pageOf(this.#sessions, who, readPage(asked));
  }

  /** Deletes the session with its events and its state, and with what other wrappers keep of it. */
  override async deleteSession(key: DeleteSessionRequest): Promise<void> {
    await this.#sessions.delete(this.identityOf(key));
  }

  /**
   * Appends an event. The same event again changes nothing; another one with its id takes its place, as in ADK's own services. A
   * `session` that others went on with is none too old: nothing of theirs is lost. NOT_FOUND, SESSION_CLOSED.
   */
  override async appendEvent({ session, event }: AppendEventRequest): Promise<Event> {
    if (event.partial) return event;
    const { appName, userId, id: sessionId } = session;
    const identity = this.identityOf({ appName, userId, sessionId });
    const entry = eventToJson(event);
    const delta = await latestWrites(session, event, (request) => super.appendEvent(request));
    const change = { appName, delta: scopesOf(delta), updated: event.timestamp };
    try {
      await this.#append(identity, entry, { ...change, edited: false });
    } catch (error) {
      if (!isStateError(error, "IDEMPOTENCY_CONFLICT")) throw error;
      await this.#replace(identity, entry, { ...change, edited: true }, error);
    }
    await super.appendEvent({ session, event });
    session.lastUpdateTime = event.timestamp;
    return event;
  }

  async #append(identity: SessionIdentity, entry: StoredEvent, change: Change): Promise<void> {
    await together(this.#store, async (unit) => {
      const own = this.#sessions.in(unit);
      const { duplicate } = await own.append(identity, entry);
      if (!duplicate) await writeScopes(mapsOf(own, identity), change);
    });
  }

  /** Puts an event in the place of that of its id. */
  async #replace(
    identity: SessionIdentity,
    { id, value }: StoredEvent,
    change: Change,
    conflict: StateError,
  ): Promise<void> {
    await together(this.#store, async (unit) => {
      const before = await eventOfId(this.#sessions, identity, id);
      // It was removed on purpose, and does not come back.
      if (before?.value === undefined) throw conflict;
      // It was put there before.
      if (isDeepStrictEqual(before.value, value)) return;
      const own = this.#sessions.in(unit);
      await own.replace(identity, { number: before.number, value });
      await writeScopes(mapsOf(own, identity), change);
    });
  }
}

function notFound(message: string): StateError<"NOT_FOUND"> {
  return new StateError("NOT_FOUND", message, { details: {} });
}
