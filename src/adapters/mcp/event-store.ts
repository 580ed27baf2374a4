import type { EventStore } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import type { SessionIdentity, StateStore } from "../../contract/store.js";
import { safeName } from "../../identity/safe-name.js";
import { type Entry, Journal } from "../../typed/journal.js";
import type { JsonValue } from "../../typed/json-value.js";
import { readInteger, readNamed } from "../../validation/validate.js";
import { fromJsonWithBytes, toJsonWithBytes } from "../json-with-bytes.js";
import { type Owner, readOwnSession } from "../owner.js";

type Message = Parameters<EventStore["storeEvent"]>[1];

/** The options of a `GroundstateEventStore`. */
export interface EventStoreOptions {
  /** Whose session it is. */
  readonly owner: Owner;
  /** The id of the MCP session, of any text. Streams of another session are not seen. */
  readonly sessionId: string;
  /** How many events stay at least; older ones go as new ones come. 100 to 1,000,000. Default 10,000. */
  readonly keep?: number;
}

/** An event as it is stored. */
interface Stored {
  readonly streamId: string;
  readonly message: JsonValue;
}

const PAGE = 200;
const DEFAULT_KEEP = 10_000;
/** Events are removed in one go of so many. */
const TRIM_EVERY = 500;
const EVENT_ID = /^[1-9]\d{0,14}$/;

/**
 * The events of one MCP session's streams, for the SDK's Streamable HTTP transport: a client that was cut off gets what it has
 * missed. Event ids are the numbers of the events in the session. Every method rejects with the errors of the store.
 */
export class GroundstateEventStore implements EventStore {
  readonly #events: Journal<Stored>;
  readonly #identity: () => SessionIdentity;
  readonly #keep: number;

  constructor(store: StateStore, options: EventStoreOptions) {
    readNamed(options, "options", ["owner", "sessionId", "keep"]);
    const { owner, sessionId, keep = DEFAULT_KEEP } = options;
    this.#events = new Journal<Stored>(store, "mcp.event");
    this.#identity = readOwnSession(owner, safeName(sessionId));
    this.#keep = readInteger(keep, "keep", 100, 1_000_000);
  }

  async storeEvent(streamId: string, message: Message): Promise<string> {
    const identity = this.#identity();
    const value = { streamId, message: toJsonWithBytes(message, "message") };
    const { numbers } = await this.#events.append(identity, [{ value }]);
    const number = numbers[0] as number;
    if (number % TRIM_EVERY === 0 && number > this.#keep)
      await this.#events.trim(identity, { upTo: number - this.#keep });
    return String(number);
  }

  /** `undefined` for an id that is none, and for an event that is there no more. */
  async getStreamIdForEventId(eventId: string): Promise<string | undefined> {
    return (await this.#find(eventId))?.value.streamId;
  }

  /** Sends what its stream has had since, also what comes meanwhile. */
  async replayEventsAfter(
    lastEventId: string,
    { send }: { send: (eventId: string, message: Message) => Promise<void> },
  ): Promise<string> {
    const last = await this.#find(lastEventId);
    if (last === undefined) return "";
    const { streamId } = last.value;
    for (let from = last.number + 1; ; ) {
      const page = await this.#events.read(this.#identity(), { from, limit: PAGE });
      for (const { number, value } of page)
        if (value.streamId === streamId)
          await send(String(number), fromJsonWithBytes(value.message) as Message);
      const end = page.at(-1);
      if (end === undefined) return streamId;
      from = end.number + 1;
    }
  }

  async #find(eventId: string): Promise<Entry<Stored> | undefined> {
    if (!EVENT_ID.test(eventId)) return undefined;
    const from = Number(eventId);
    const [event] = await this.#events.read(this.#identity(), { from, limit: 1 });
    return event?.number === from ? event : undefined;
  }
}
