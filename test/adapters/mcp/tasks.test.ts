import {
  InMemoryTaskMessageQueue,
  InMemoryTaskStore,
} from "@modelcontextprotocol/sdk/experimental/tasks/stores/in-memory.js";
import fc from "fast-check";
import { expect, test } from "vitest";
import { GroundstateTaskMessageQueue, GroundstateTaskStore } from "../../../src/adapters/mcp/index.js";
import { newEventId } from "../../../src/index.js";
import { soak } from "../../soak.js";
import { onEveryStore } from "../../typed/stores.js";

const newOwner = () => ({ tenant: `tenant-${newEventId()}`, user: "ann" });
const REQUEST = { method: "tools/call", params: { name: "slow" } };
const queued = (n: number) => ({
  type: "notification" as const,
  timestamp: n,
  message: { jsonrpc: "2.0" as const, method: "notifications/progress", params: { n } },
});

onEveryStore((opened) => {
  test("does what the SDK's own task store in memory does, over random operations", async () => {
    const at = fc.nat(3);
    const session = fc.constantFrom(undefined, "s1", "s2");
    const operation = fc.oneof(
      fc.record({ is: fc.constant("create" as const), session }),
      fc.record({ is: fc.constant("get" as const), at, session }),
      fc.record({
        is: fc.constant("result" as const),
        at,
        session,
        status: fc.constantFrom("completed" as const, "failed" as const),
      }),
      fc.record({
        is: fc.constant("update" as const),
        at,
        session,
        status: fc.constantFrom("input_required" as const, "cancelled" as const),
        text: fc.constantFrom(undefined, "why"),
      }),
      fc.record({ is: fc.constant("read" as const), at, session }),
      fc.record({ is: fc.constant("list" as const), session }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { maxLength: 14 }), async (operations) => {
        const stores = [
          new GroundstateTaskStore(opened.store, { owner: newOwner() }),
          new InMemoryTaskStore(),
        ] as const;
        const ids: [string[], string[]] = [[], []];
        for (const operation of operations) {
          const answers = await Promise.all(
            stores.map(async (tasks, which) => {
              const own = ids[which] as string[];
              const id = "at" in operation ? (own[operation.at] ?? "never") : "";
              const answer = async () => {
                switch (operation.is) {
                  case "create": {
                    const made = await tasks.createTask({}, 7, REQUEST, operation.session);
                    own.push(made.taskId);
                    return made;
                  }
                  case "get":
                    return tasks.getTask(id, operation.session);
                  case "result":
                    return tasks.storeTaskResult(id, operation.status, { content: [] }, operation.session);
                  case "update":
                    return tasks.updateTaskStatus(id, operation.status, operation.text, operation.session);
                  case "read":
                    return tasks.getTaskResult(id, operation.session);
                  case "list":
                    return tasks.listTasks(undefined, operation.session);
                }
              };
              return answer().then(
                (value) => plain(value, own),
                () => "refused",
              );
            }),
          );
          expect(answers[0]).toEqual(answers[1]);
          // Tasks of one millisecond are listed in any order.
          await new Promise((resolve) => setTimeout(resolve, 2));
        }
      }),
      { numRuns: soak(12) },
    );
  }, 240_000);

  test("pages of ten, and a time to live that begins anew with the result", async () => {
    let now = Date.UTC(2026, 0, 1);
    const tasks = new GroundstateTaskStore(opened.store, { owner: newOwner(), clock: () => now });
    const ids: string[] = [];
    for (let n = 0; n < 25; n++) {
      now += 1;
      ids.push((await tasks.createTask({ ttl: n === 3 ? 1_000 : null }, n, REQUEST)).taskId);
    }
    const listed: string[] = [];
    for (let cursor: string | undefined, pages = 0; ; pages++) {
      const { tasks: page, nextCursor } = await tasks.listTasks(cursor);
      listed.push(...page.map(({ taskId }) => taskId));
      if (nextCursor === undefined) break;
      expect(page).toHaveLength(10);
      expect(pages).toBeLessThan(3);
      cursor = nextCursor;
    }
    expect(listed).toEqual(ids);
    await expect(tasks.listTasks("no cursor")).rejects.toMatchObject({ code: "INVALID_RECORD" });
    now += 900;
    await tasks.storeTaskResult(ids[3] as string, "completed", { content: [] });
    now += 900;
    expect(await tasks.getTask(ids[3] as string)).not.toBeNull();
    expect(await tasks.cleanup()).toBe(0);
    now += 200;
    expect(await tasks.getTask(ids[3] as string)).toBeNull();
    expect(await tasks.cleanup()).toBe(1);
    expect(
      await new GroundstateTaskStore(opened.store, { owner: newOwner() }).getTask(ids[4] as string),
    ).toBeNull();
  });

  test("of eight that end a task at once, one does", async () => {
    const owner = newOwner();
    const { taskId } = await new GroundstateTaskStore(opened.store, { owner }).createTask({}, 1, REQUEST);
    const outcomes = await Promise.allSettled(
      Array.from({ length: 8 }, (_, n) =>
        new GroundstateTaskStore(opened.store, { owner }).storeTaskResult(taskId, "completed", {
          content: [],
          n,
        }),
      ),
    );
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    for (const outcome of outcomes)
      if (outcome.status === "rejected") expect(outcome.reason.code).toBe("CONDITION_FAILED");
  });

  test("a queue does what the SDK's own does, and each message goes to one of eight callers", async () => {
    const owner = newOwner();
    const [own, model] = [
      new GroundstateTaskMessageQueue(opened.store, { owner }),
      new InMemoryTaskMessageQueue(),
    ];
    for (const queue of [own, model]) {
      expect(await queue.dequeue("t")).toBeUndefined();
      for (let n = 0; n < 5; n++) await queue.enqueue("t", queued(n));
      expect(await queue.dequeue("t", "s")).toEqual(queued(0));
      await expect(queue.enqueue("t", queued(9), undefined, 4)).rejects.toThrow();
      await queue.enqueue("t", queued(5), undefined, 5);
      expect(await queue.dequeueAll("t")).toEqual([1, 2, 3, 4, 5].map(queued));
      expect(await queue.dequeueAll("t")).toEqual([]);
    }
    await Promise.all(Array.from({ length: 40 }, (_, n) => own.enqueue("u", queued(n))));
    const callers = Array.from({ length: 8 }, () => new GroundstateTaskMessageQueue(opened.store, { owner }));
    const taken = await Promise.all(
      callers.map(async (queue) => Promise.all([1, 2, 3, 4, 5].map(() => queue.dequeue("u")))),
    );
    const numbers = taken.flat().map((message) => message?.timestamp);
    expect(numbers.sort((a, b) => Number(a) - Number(b))).toEqual(Array.from({ length: 40 }, (_, n) => n));
    expect(await opened.store.count({ ...owner, session: "mcp" }, "")).toBe(0);
  });
});

/** Without times, and with the places of the ids. */
function plain(value: unknown, ids: readonly string[]): unknown {
  return JSON.parse(JSON.stringify(value ?? null), (name, each) => {
    if (name === "createdAt" || name === "lastUpdatedAt") return undefined;
    return name === "taskId" ? ids.indexOf(each) : each;
  });
}
