/**
 * A graph that asks a person before it books, and remembers what the person likes. Each call is a process of its own:
 *
 *     node dist/examples/langgraph/main.js trip.db "a weekend in Lisbon"
 *     node dist/examples/langgraph/main.js trip.db --answer "yes, by train"
 *
 * A function stands in for the model, so it needs neither a network nor a key.
 */
import { parseArgs } from "node:util";
import {
  Annotation,
  Command,
  END,
  interrupt,
  type LangGraphRunnableConfig,
  START,
  StateGraph,
} from "@langchain/langgraph";
import { openStore } from "groundstate";
import "groundstate/drivers";
import { GroundstateSaver, GroundstateStore } from "groundstate/langgraph";

const Trip = Annotation.Root({
  wish: Annotation<string>,
  plan: Annotation<string>,
  booked: Annotation<string>,
});

/** What a model would answer. */
function modelSays(wish: string, likes: string): string {
  return `Two nights: ${wish}${likes === "" ? "" : `, ${likes}`}`;
}

/** What the user likes, in all of the user's threads. */
const LIKES = ["likes"];

async function plan({ wish }: typeof Trip.State, { store }: LangGraphRunnableConfig) {
  const likes = (await store?.get(LIKES, "travel"))?.value.by ?? "";
  return { plan: modelSays(wish, likes) };
}

async function book({ plan }: typeof Trip.State, { store }: LangGraphRunnableConfig) {
  const answer = interrupt<string, string>(`Shall I book? ${plan}`);
  const [, by] = /\b(by \w+)/.exec(answer) ?? [];
  if (by !== undefined) await store?.put(LIKES, "travel", { by });
  return { booked: answer.startsWith("yes") ? `booked ${by ?? ""}`.trim() : "not booked" };
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { answer: { type: "string" } },
});
const [file = "trip.db", wish = "a weekend in Lisbon"] = positionals;

const state = await openStore(`sqlite:${file}`);
// A server takes both names from the login of the call.
const owner = { tenant: "acme", user: "ada" };
const graph = new StateGraph(Trip)
  .addNode("planner", plan)
  .addNode("booking", book)
  .addEdge(START, "planner")
  .addEdge("planner", "booking")
  .addEdge("booking", END)
  .compile({
    checkpointer: new GroundstateSaver(state, { owner }),
    store: new GroundstateStore(state, { owner }),
  });

const thread = { configurable: { thread_id: "trip" } };
await graph.invoke(values.answer === undefined ? { wish } : new Command({ resume: values.answer }), thread);
const { values: trip, tasks } = await graph.getState(thread);
const question = tasks[0]?.interrupts[0]?.value;
console.log(question ?? trip.booked);
await state.close();
