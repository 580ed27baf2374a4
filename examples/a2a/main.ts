/**
 * An agent that other agents call by the Agent2Agent protocol. Each call is a process of its own, as if the server had been
 * restarted in between:
 *
 *     node dist/examples/a2a/main.js tasks.db "Pay invoice 17."
 *     node dist/examples/a2a/main.js tasks.db "250 euros" --task TASK --context CONTEXT
 *
 * The request handler is called directly here; a server gives it to the SDK's HTTP transport.
 */
import { randomUUID } from "node:crypto";
import { parseArgs } from "node:util";
import { Role, type Task, TaskState } from "@a2a-js/sdk";
import { AgentEvent, type AgentExecutor, DefaultRequestHandler, ServerCallContext } from "@a2a-js/sdk/server";
import { openStore } from "groundstate";
import "groundstate/drivers";
import { GroundstatePushNotificationStore, GroundstateTaskStore } from "groundstate/a2a";

/** Asks for an amount, and has done its work when it is told one. */
const executor: AgentExecutor = {
  async execute({ taskId, contextId, task, userMessage }, bus) {
    const state = task === undefined ? TaskState.TASK_STATE_INPUT_REQUIRED : TaskState.TASK_STATE_COMPLETED;
    const history = task?.history ?? [userMessage];
    const status = { state, message: undefined, timestamp: new Date().toISOString() };
    bus.publish(AgentEvent.task({ id: taskId, contextId, status, history, artifacts: [], metadata: {} }));
    bus.finished();
  },
  async cancelTask() {},
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { task: { type: "string" }, context: { type: "string" } },
});
const [file = "tasks.db", text = "Pay invoice 17."] = positionals;

const store = await openStore(`sqlite:${file}`);
// Whose a call is, the server knows from the login that the context carries.
const options = {
  owner: ({ tenant, user }: ServerCallContext) => ({ tenant: tenant ?? "", user: user?.userName ?? "" }),
};
const handler = new DefaultRequestHandler(
  {
    name: "teller",
    description: "Pays invoices.",
    supportedInterfaces: [],
    provider: undefined,
    version: "1",
    capabilities: { extensions: [] },
    securitySchemes: {},
    securityRequirements: [],
    defaultInputModes: ["text/plain"],
    defaultOutputModes: ["text/plain"],
    skills: [],
    signatures: [],
  },
  new GroundstateTaskStore(store, options),
  executor,
  undefined,
  new GroundstatePushNotificationStore(store, options),
);

const context = new ServerCallContext({
  tenant: "acme",
  user: { isAuthenticated: true, userName: "ada" },
});
const message = {
  messageId: randomUUID(),
  contextId: values.context ?? "",
  taskId: values.task ?? "",
  role: Role.ROLE_USER,
  parts: [
    { content: { $case: "text" as const, value: text }, mediaType: "text/plain", filename: "", metadata: {} },
  ],
  metadata: {},
  extensions: [],
  referenceTaskIds: [],
};
const sent = { tenant: "acme", message, configuration: undefined, metadata: {} };
const { id, contextId, status, history } = (await handler.sendMessage(sent, context)) as Task;
console.log(TaskState[status?.state ?? 0], history.length, "--task", id, "--context", contextId);
await store.close();
