import { type Message, Role, type Task, TaskState } from "@a2a-js/sdk";
import {
  AgentEvent,
  type AgentExecutor,
  DefaultRequestHandler,
  InMemoryPushNotificationStore,
  InMemoryTaskStore,
  ServerCallContext,
} from "@a2a-js/sdk/server";
import fc from "fast-check";
import { expect, test } from "vitest";
import { GroundstatePushNotificationStore, GroundstateTaskStore } from "../../../src/adapters/a2a/index.js";
import { newEventId, type StateStore } from "../../../src/index.js";
import { soak } from "../../soak.js";
import { onEveryStore } from "../../typed/stores.js";

const contextOf = (userName: string, tenant = "acme") =>
  new ServerCallContext({ tenant, user: { isAuthenticated: true, userName }, requestedVersion: "1.0" });
/** Tenants of one test are no other test's. */
const options = (test = newEventId()) => ({
  owner: ({ tenant, user }: ServerCallContext) => ({
    tenant: `${test}-${tenant}`,
    user: user?.userName ?? "",
  }),
});
const at = (second: number) => `2026-01-01T00:00:${String(second).padStart(2, "0")}.000Z`;
const message = (text: string, taskId = "", contextId = ""): Message => ({
  messageId: newEventId(),
  contextId,
  taskId,
  role: Role.ROLE_USER,
  parts: [{ content: { $case: "text", value: text }, mediaType: "text/plain", filename: "", metadata: {} }],
  metadata: {},
  extensions: [],
  referenceTaskIds: [],
});
const task = (id: string, given: Partial<Task> & { state?: TaskState; second?: number } = {}): Task => {
  const { state = TaskState.TASK_STATE_WORKING, second = 0, ...rest } = given;
  const status = { state, message: undefined, timestamp: at(second) };
  return { id, contextId: "c1", status, artifacts: [], history: [], metadata: {}, ...rest };
};
const request = (given = {}) => ({
  tenant: "",
  contextId: "",
  status: TaskState.TASK_STATE_UNSPECIFIED,
  pageToken: "",
  statusTimestampAfter: undefined,
  ...given,
});

/** Asks for an amount, and ends when it is told one. */
const executor: AgentExecutor = {
  async execute({ taskId, contextId, task: before, userMessage }, bus) {
    const state = before === undefined ? TaskState.TASK_STATE_INPUT_REQUIRED : TaskState.TASK_STATE_COMPLETED;
    const history = [...(before?.history ?? []), ...(before === undefined ? [userMessage] : [])];
    const status = { state, message: undefined, timestamp: new Date().toISOString() };
    bus.publish(AgentEvent.task({ id: taskId, contextId, status, history, artifacts: [], metadata: {} }));
    bus.finished();
  },
  async cancelTask() {},
} as AgentExecutor;

function newHandler(store: StateStore, own: ReturnType<typeof options>) {
  const card = {
    name: "teller",
    description: "",
    supportedInterfaces: [],
    provider: undefined,
    version: "1",
    capabilities: { streaming: true, pushNotifications: true, extensions: [] },
    securitySchemes: {},
    securityRequirements: [],
    defaultInputModes: ["text/plain"],
    defaultOutputModes: ["text/plain"],
    skills: [],
    signatures: [],
  };
  return new DefaultRequestHandler(
    card as unknown as ConstructorParameters<typeof DefaultRequestHandler>[0],
    new GroundstateTaskStore(store, own),
    executor,
    undefined,
    new GroundstatePushNotificationStore(store, own),
  );
}

onEveryStore((opened) => {
  test("a task goes on with another handler, as after a restart, and for its owner alone", async () => {
    const own = options();
    const configuration = {
      acceptedOutputModes: [],
      taskPushNotificationConfig: undefined,
      returnImmediately: false,
    };
    const send = (handler: DefaultRequestHandler, sent: Message, user: string) =>
      handler.sendMessage(
        { tenant: "", message: sent, configuration, metadata: {} } as never,
        contextOf(user),
      ) as Promise<Task>;
    const asked = await send(newHandler(opened.store, own), message("Pay invoice 17."), "ada");
    expect(asked.status?.state).toBe(TaskState.TASK_STATE_INPUT_REQUIRED);
    const answer = message("250 euros", asked.id, asked.contextId);
    await expect(send(newHandler(opened.store, own), answer, "bob")).rejects.toThrow(/not found/i);
    const ended = await send(newHandler(opened.store, own), answer, "ada");
    expect(ended.status?.state).toBe(TaskState.TASK_STATE_COMPLETED);
    const read = await newHandler(opened.store, own).getTask(
      { tenant: "", id: asked.id } as never,
      contextOf("ada"),
    );
    expect(read.history.flatMap(({ parts }) => parts.map(({ content }) => content?.value))).toContain(
      "Pay invoice 17.",
    );
  });

  test("does what the SDK's own task store in memory does, over random operations", async () => {
    // Of equal times the SDK's store orders ids as a language does, which is another order for some signs.
    const id = fc.constantFrom("t1", "t2", "t3", "t/4");
    const state = fc.constantFrom(TaskState.TASK_STATE_WORKING, TaskState.TASK_STATE_COMPLETED);
    const saved = fc.record({
      is: fc.constant("save" as const),
      id,
      state,
      second: fc.nat(9),
      contextId: fc.constantFrom("c1", "c2"),
    });
    const listed = fc.record({
      is: fc.constant("list" as const),
      request: fc.record(
        {
          contextId: fc.constantFrom("", "c1"),
          status: state,
          pageSize: fc.integer({ min: 1, max: 3 }),
          statusTimestampAfter: fc.nat(9).map(at),
        },
        { requiredKeys: [] },
      ),
    });
    const user = fc.constantFrom("ada", "bob");
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(user, fc.oneof(saved, listed)), { maxLength: 12 }),
        async (operations) => {
          const [own, model] = [new GroundstateTaskStore(opened.store, options()), new InMemoryTaskStore()];
          for (const [name, operation] of operations) {
            const context = contextOf(name);
            if (operation.is === "save") {
              const artifacts = [
                { artifactId: "a", name: "", description: "", parts: [], metadata: {}, extensions: [] },
              ];
              const given = task(operation.id, { ...operation, artifacts });
              await Promise.all([own.save(given, context), model.save(given, context)]);
              expect(await own.load(operation.id, context)).toEqual(await model.load(operation.id, context));
            } else {
              const pages = await Promise.all(
                [own, model].map((store) => allPages(store, operation.request, context)),
              );
              expect(pages[0]).toEqual(pages[1]);
            }
          }
        },
      ),
      { numRuns: soak(20) },
    );
  }, 240_000);

  test("tasks of any id are told apart", async () => {
    const tasks = new GroundstateTaskStore(opened.store, options());
    const ids = ["t", "~t", "t/", "\0", "__proto__", "x".repeat(300), `${"x".repeat(300)}y`];
    for (const id of ids) await tasks.save(task(id, { contextId: id }), contextOf("ada"));
    for (const id of ids) expect((await tasks.load(id, contextOf("ada")))?.contextId).toBe(id);
    expect((await tasks.list(request({ pageSize: 99 }), contextOf("ada"))).tasks).toHaveLength(ids.length);
  });

  test("bytes of parts come back as buffers", async () => {
    const tasks = new GroundstateTaskStore(opened.store, options());
    const raw = {
      content: { $case: "raw" as const, value: Buffer.from([0, 1, 255]) },
      mediaType: "",
      filename: "",
      metadata: {},
    };
    const given = task("t", { history: [{ ...message("x"), parts: [raw] }] });
    await tasks.save(given, contextOf("ada"));
    const loaded = await tasks.load("t", contextOf("ada"));
    expect(loaded).toEqual(given);
    expect(Buffer.isBuffer(loaded?.history[0]?.parts[0]?.content?.value)).toBe(true);
  });

  test("removes tasks that had ended before a time, of the owner alone", async () => {
    const tasks = new GroundstateTaskStore(opened.store, options());
    for (const user of ["ada", "bob"]) {
      await tasks.save(task("old", { state: TaskState.TASK_STATE_COMPLETED, second: 1 }), contextOf(user));
      await tasks.save(task("new", { state: TaskState.TASK_STATE_FAILED, second: 9 }), contextOf(user));
      await tasks.save(task("works", { second: 1 }), contextOf(user));
    }
    expect(await tasks.removeEnded(new Date(at(5)), contextOf("ada"))).toBe(1);
    const left = await tasks.list(request(), contextOf("ada"));
    expect(left.tasks.map(({ id }) => id)).toEqual(["new", "works"]);
    expect(await tasks.load("old", contextOf("ada"))).toBeUndefined();
    expect((await tasks.list(request(), contextOf("bob"))).totalSize).toBe(3);
  });

  test("keeps push notification configurations as the SDK's own store does", async () => {
    const stores = [
      new GroundstatePushNotificationStore(opened.store, options()),
      new InMemoryPushNotificationStore(),
    ];
    const config = (id: string, url: string) => ({
      tenant: "",
      id,
      taskId: "t",
      url,
      token: "",
      authentication: undefined,
    });
    const seen = await Promise.all(
      stores.map(async (store) => {
        await store.save("t", contextOf("ada"), config("1", "a"));
        await store.save("t", contextOf("ada"), config("2", "b"));
        await store.save("t", contextOf("ada"), config("1", "c"));
        await store.save("t", contextOf("ada"), config("t", "d"));
        await store.save("u", contextOf("ada"), config("1", "e"));
        await store.delete("t", contextOf("ada"));
        await store.delete("t", contextOf("bob"), "1");
        await store.delete("never", contextOf("ada"));
        const made = config("", "f");
        await store.save("v", contextOf("ada"), made);
        expect((await store.load("v", contextOf("ada")))[0]?.id).toBe(made.id);
        return [
          await store.loadWithMetadata?.("t", contextOf("ada")),
          await store.load("u", contextOf("ada")),
          await store.load("t", contextOf("bob")),
        ];
      }),
    );
    expect(seen[0]).toEqual(seen[1]);
    expect(seen[0]?.[0]).toHaveLength(2);
  });

  test("misuse", async () => {
    const tasks = new GroundstateTaskStore(opened.store, options());
    await expect(tasks.load("t", contextOf(""))).rejects.toMatchObject({ code: "IDENTITY_REQUIRED" });
    await expect(tasks.list(request({ pageToken: "?" }), contextOf("ada"))).rejects.toMatchObject({
      code: "INVALID_RECORD",
    });
    const date = { ...task("t"), metadata: { at: new Date() } };
    await expect(tasks.save(date, contextOf("ada"))).rejects.toMatchObject({ code: "INVALID_RECORD" });
  });
});

async function allPages(
  store: GroundstateTaskStore | InMemoryTaskStore,
  given: object,
  context: ServerCallContext,
) {
  const pages = [];
  for (let pageToken = ""; ; ) {
    const { nextPageToken, ...page } = await store.list(request({ ...given, pageToken }), context);
    pages.push(page.tasks, page.pageSize);
    if (pageToken === "") pages.push(page.totalSize);
    if (nextPageToken === "") return pages;
    pageToken = nextPageToken;
  }
}
