import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { type Change, type Identity, type NewRecord, newEventId, type StateStore } from "../../src/index.js";
import { broken } from "../assertions/expect.js";
import type { CaseContext, ConformanceCase } from "../harness/case.js";
import { Meeting } from "../harness/meeting.js";
import { runScript } from "../histories/run-script.js";
import type { Step } from "../histories/step.js";

/** What may become of the record of an event, and of its id. */
const HAPPENINGS = ["overwrite", "delete", "erase", "erase by prefix", "use again"] as const;

/** The longest orders are those in which several ids have been in the slot, and without what changes little: else they take long. */
const WITHOUT_RETRIES = HAPPENINGS.filter((each) => each !== "use again");
const WITHOUT_PREFIXES = HAPPENINGS.filter((each) => each !== "erase by prefix");

type Happening = (typeof HAPPENINGS)[number] | "window" | "restart";
type Order = readonly Happening[];

/** Where a busy machine takes longer than the window for what lies within it, the next one is tried. */
const WINDOWS_MS = [1_500, 3_000, 8_000];
/** The database's clock may tick coarsely and is not this process's. */
const PAST_MS = 500;

/** What every event id stands for, however it came there: whole tables, made from the orders. */
export const eventIdOrderCases: readonly ConformanceCase[] = [
  {
    id: "idempotency/every-order",
    bringsNeighbours: true,
    rule: "Whatever order of overwrites, deletes, erases and retries there was, each event id stands for what it was saved as.",
    async run(context) {
      const longest = ordersOf(3, WITHOUT_RETRIES).filter(([first]) => first === "overwrite");
      const orders = [...ordersOf(1), ...ordersOf(2), ...longest];
      await Promise.all(orders.map((order) => keepsTo(order, context, { store: () => context.store })));
    },
  },
  {
    id: "durability/event-ids-in-every-order",
    rule: "So it is for a store that was opened again after each of them.",
    needs: "durable",
    bringsNeighbours: true,
    async run(context) {
      let store = context.store;
      const orders = ordersOf(2).map((order) => order.flatMap((each) => ["restart", each] as const));
      const reopening = new Meeting(orders.length, async () => {
        await store.close();
        store = await context.open();
      });
      const subject = { store: () => store, restart: () => reopening.arrive() };
      await Promise.all(orders.map((order) => keepsTo([...order, "restart"], context, subject)));
    },
  },
  {
    id: "window/every-order",
    bringsNeighbours: true,
    needsQuiet: true,
    rule: "Once its window has passed an event id that is current stays seen and any other is new, in whatever order all came.",
    async run(context) {
      for (const windowMs of WINDOWS_MS) if (await keepsToWindow(context, windowMs)) return;
      throw broken("what lies within a window took longer: this machine is too busy to tell");
    },
  },
];

/** Every order of so many happenings. */
function ordersOf(length: number, happenings: readonly Happening[] = HAPPENINGS): readonly Order[] {
  if (length === 0) return [[]];
  return ordersOf(length - 1, happenings).flatMap((order) => happenings.map((each) => [...order, each]));
}

/** Every order of up to two happenings, with the end of the window at each place. */
function ordersWithWindow(): readonly Order[] {
  const longest = ordersOf(2, WITHOUT_PREFIXES).filter((order) => order.includes("overwrite"));
  const orders = [...ordersOf(0), ...ordersOf(1), ...longest];
  return orders.flatMap((order) =>
    Array.from({ length: order.length + 1 }, (_, at) => order.toSpliced(at, 0, "window")),
  );
}

/** False when what lies within a window took as long, and shows nothing. */
async function keepsToWindow(context: CaseContext, windowMs: number): Promise<boolean> {
  const store = await context.openAlone({ idempotencyWindowMs: windowMs });
  const orders = ordersWithWindow();
  let began = performance.now();
  const isLate = () => performance.now() - began >= windowMs;
  let wasLate = false;
  const passing = new Meeting(orders.length, async () => {
    wasLate ||= isLate();
    if (wasLate) throw broken("a window passed too early");
    await sleep(windowMs + PAST_MS);
    began = performance.now();
  });
  const subject = { store: () => store, wait: () => passing.arrive() };
  const all = Promise.all(orders.map((order) => keepsTo(order, context, subject)));
  const failure = await all.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (wasLate || isLate()) return false;
  if (failure !== undefined) throw failure;
  return true;
}

interface Subject {
  store(): StateStore;
  wait?(): Promise<void>;
  restart?(): Promise<void>;
}

/** Rejects when a store, after what happens in this order, answers otherwise than the model. */
async function keepsTo(order: Order, context: CaseContext, subject: Subject): Promise<void> {
  const identity = { tenant: context.tenant(), user: "user", session: "session" };
  const { steps, saved } = stepsOf(order, identity, context);
  const world = { identities: [identity], kinds: [], eventIds: [] };
  const asked = [...steps, ...saved.flatMap((record) => asksFor(record, context))];
  await runScript({ world, steps: asked }, subject).catch((cause: Error) => {
    throw broken(`after ${["save", ...order].join(", ")}: ${cause.message}`, cause);
  });
}

/** The steps of an order, and everything that they save. */
function stepsOf(order: Order, identity: Identity, { payload }: CaseContext) {
  const saved: NewRecord[] = [];
  const save = (eventId: string): Step => {
    const record = { eventId, identity, kind: "kind", version: 0, bytes: payload(), updatedAt: new Date(0) };
    saved.push(record);
    return saving(record);
  };
  const first = newEventId();
  const steps = [save(first), ...order.map(stepOf)];
  return { steps, saved };

  function stepOf(happening: Happening): Step {
    switch (happening) {
      case "overwrite":
        return save(newEventId());
      case "use again":
        return save(first);
      case "delete":
        return { ask: "commit", changes: [{ op: "delete", identity, kind: "kind" }] };
      case "erase":
        return { ask: "erase", identity };
      case "erase by prefix":
        return { ask: "erase", identity, prefix: "kin" };
      case "window":
        return { ask: "wait" };
      case "restart":
        return { ask: "restart" };
    }
  }
}

/** Asks what an event id stands for: as it was saved, with other bytes, in another slot, and by the id. */
function asksFor(record: NewRecord, { payload }: CaseContext): readonly Step[] {
  const { identity, eventId } = record;
  return [
    { ask: "loadByEventId", identity, eventId },
    saving(record),
    saving({ ...record, bytes: payload() }),
    saving({ ...record, kind: "other" }),
  ];
}

function saving(record: NewRecord): Step {
  const change: Change = { op: "save", record };
  return { ask: "commit", changes: [change] };
}
