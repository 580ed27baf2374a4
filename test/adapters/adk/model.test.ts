import {
  type BaseSessionService,
  createEvent,
  type Event,
  InMemorySessionService,
  type ListSessionsRequest,
  type ListSessionsResponse,
  type Session,
} from "@google/adk";
import fc from "fast-check";
import { expect, test } from "vitest";
import { GroundstateSessionService } from "../../../src/adapters/adk/index.js";
import { newEventId } from "../../../src/index.js";
import { soak } from "../../soak.js";
import { onEveryStore } from "../../typed/stores.js";

// Names that are beginnings of each other, and names that no identity can have.
const appName = fc.constantFrom("shop", "shop/s");
const userId = fc.constantFrom("ann", "~");
const sessionId = fc.constantFrom("s", "\0");
const key = fc.record({ appName, userId, sessionId });
const value = fc.constantFrom<unknown[]>(1, 0, null, "text", { a: [1, { b: null }] }, undefined);
const stateDelta = fc.dictionary(
  fc.constantFrom("n", "app:n", "app:", "user:n", "user:m", "temp:n", "%n", "__proto__", "x".repeat(200)),
  value,
  { maxKeys: 4 },
);
const id = fc.constantFrom("e1", "e2", "e3", "%e", "", "e".repeat(200));
const timestamp = fc.integer({ min: 1, max: 9 });
const operation = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      is: fc.constant("append" as const),
      key,
      id,
      timestamp,
      stateDelta,
      partial: fc.constantFrom(undefined, undefined, true),
      stale: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      is: fc.constant("create" as const),
      key,
      state: fc.dictionary(fc.constantFrom("n", "temp:x", "m"), value),
    }),
  },
  { weight: 1, arbitrary: fc.record({ is: fc.constant("delete" as const), key }) },
  {
    weight: 3,
    arbitrary: fc.record({
      is: fc.constant("get" as const),
      key,
      config: fc.record(
        { numRecentEvents: fc.integer({ min: 1, max: 4 }), afterTimestamp: timestamp },
        { requiredKeys: [] },
      ),
    }),
  },
  {
    weight: 2,
    arbitrary: fc
      .record({
        appName,
        userId: fc.option(userId, { nil: undefined }),
        limit: fc.option(fc.nat(3), { nil: undefined }),
        order: fc.constantFrom("asc" as const, "desc" as const, undefined),
        offset: fc.option(fc.nat(3), { nil: undefined }),
        page: fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined }),
      })
      .map((request) => ({ is: "list" as const, request })),
  },
);
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;
type Listed = (Operation & { is: "list" })["request"];

onEveryStore((opened) => {
  test("does what ADK's own service in memory does, over random operations", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { minLength: 5, maxLength: 25 }), async (operations) => {
        const own = new GroundstateSessionService(opened.store, {
          owner: { tenant: `tenant-${newEventId()}` },
        });
        const model = new InMemorySessionService();
        const seen = new Map<string, string>();
        const kept = new Map<string, readonly [Session, Session]>();
        for (const operation of operations) await perform(operation, { own, model, seen, kept });
      }),
      { numRuns: soak(12) },
    );
  }, 240_000);
});

interface Both {
  readonly own: BaseSessionService;
  readonly model: BaseSessionService;
  /** What was appended to each session under each id. */
  readonly seen: Map<string, string>;
  /** Sessions that were read before. */
  readonly kept: Map<string, readonly [Session, Session]>;
}

async function perform(operation: Operation, both: Both): Promise<void> {
  const { own, model, seen, kept } = both;
  if (operation.is === "list") return list(operation.request, both);
  const { key } = operation;
  const place = JSON.stringify(key);
  const exists = (await model.getSession(key)) !== undefined;
  if (operation.is === "get") {
    const read = (each: BaseSessionService) => each.getSession({ ...key, config: operation.config });
    const [mine, theirs] = [await read(own), await read(model)];
    expect(mine && comparable(mine)).toEqual(theirs && comparable(theirs));
  } else if (operation.is === "create") {
    const create = (each: BaseSessionService) => each.createSession({ ...key, state: operation.state });
    // ADK's own service replaces a session without a word.
    if (exists) return void (await expect(create(own)).rejects.toMatchObject({ code: "ALREADY_EXISTS" }));
    const [mine, theirs] = [await create(own), await create(model)];
    expect(comparable(mine)).toEqual(comparable(theirs));
    kept.set(place, [mine, theirs]);
  } else if (operation.is === "delete") {
    await own.deleteSession(key);
    await model.deleteSession(key);
    for (const each of [...seen.keys()]) if (each.startsWith(place)) seen.delete(each);
    kept.delete(place);
  } else await append(operation, exists, { own, model, seen, kept });
}

async function list({ order, ...request }: Listed, { own, model }: Both): Promise<void> {
  const asked = { ...request, ...(order && { order }) } as ListSessionsRequest;
  const [mine, theirs] = [await own.listSessions(asked), await model.listSessions(asked)];
  // Without an order, any will do.
  const shown = ({ sessions }: ListSessionsResponse) =>
    order !== undefined
      ? sessions.map(withoutTime)
      : request.limit === undefined && !request.offset
        ? new Set(sessions.map((session) => JSON.stringify(withoutTime(session))))
        : sessions.length;
  expect({ ...mine, sessions: shown(mine) }).toEqual({ ...theirs, sessions: shown(theirs) });
}

async function append(
  { key, id, timestamp, stateDelta, partial, stale }: Operation & { is: "append" },
  exists: boolean,
  { own, model, seen, kept }: Both,
): Promise<void> {
  const place = JSON.stringify(key);
  const newEvent = () => {
    const event = createEvent({
      id: "given",
      timestamp,
      author: "a",
      ...(partial && { partial }),
      actions: { stateDelta: { ...stateDelta } },
    });
    return Object.assign(event, { id }) as Event;
  };
  if (partial || !exists) {
    const session = { id: key.sessionId, ...key, state: {}, events: [], lastUpdateTime: 0 };
    const event = newEvent();
    // ADK's own service takes over the state of an event that it does not keep.
    if (partial) expect(await own.appendEvent({ session, event })).toBe(event);
    else await expect(own.appendEvent({ session, event })).rejects.toMatchObject({ code: "NOT_FOUND" });
    return;
  }
  const held = stale ? kept.get(place) : undefined;
  const [mine, theirs] = held ?? [await own.getSession(key), await model.getSession(key)];
  if (mine === undefined || theirs === undefined) throw new Error("both have the session");
  kept.set(place, [mine, theirs]);
  const content = JSON.stringify([
    timestamp,
    Object.entries(stateDelta).filter(([name, value]) => !name.startsWith("temp:") && value !== undefined),
  ]);
  const isRepeat = seen.get(`${place}${id}`) === content;
  expect(withoutBrand(await own.appendEvent({ session: mine, event: newEvent() }))).toEqual(
    // An event that comes again changes nothing here; there it changes the state once more.
    isRepeat
      ? expect.anything()
      : withoutBrand(await model.appendEvent({ session: theirs, event: newEvent() })),
  );
  seen.set(`${place}${id}`, content);
  if (isRepeat) kept.delete(place);
  else expect(comparable(mine)).toEqual(comparable(theirs));
  const [stored, expected] = await Promise.all([own, model].map((each) => each.getSession(key)));
  expect(stored && comparable(stored)).toEqual(expected && comparable(expected));
}

/** Times of creations are of two clocks. */
function withoutTime({ lastUpdateTime, ...session }: Session) {
  return { ...session, ...(lastUpdateTime < 10 && { lastUpdateTime }) };
}

function comparable(session: Session) {
  return { ...withoutTime(session), state: defined(session.state), events: session.events.map(withoutBrand) };
}

/** What JSON has of it. */
function withoutBrand(event: Event): unknown {
  return JSON.parse(JSON.stringify(event));
}

function defined(state: Record<string, unknown>): unknown {
  return Object.entries(state)
    .filter(([, value]) => value !== undefined)
    .sort(([one], [other]) => (one < other ? -1 : 1));
}
