import { Annotation, Command, END, interrupt, Send, START, StateGraph } from "@langchain/langgraph";
import type { BaseCheckpointSaver } from "@langchain/langgraph-checkpoint";

/** Every item that was added. */
export const added = Annotation<string[]>({ reducer: (all, more) => [...all, ...more], default: () => [] });

/** Two branches side by side, a subgraph, and a question to a human. */
export function branchingGraph(saver: BaseCheckpointSaver, ran: (node: string) => void) {
  const State = Annotation.Root({ steps: added, answer: Annotation<string> });
  const step = (node: string) => () => {
    ran(node);
    return { steps: [node] };
  };
  const sub = new StateGraph(State)
    .addNode("inner", step("inner"))
    .addEdge(START, "inner")
    .addEdge("inner", END)
    .compile();
  return new StateGraph(State)
    .addNode("plan", step("plan"))
    .addNode("left", step("left"))
    .addNode("right", step("right"))
    .addNode("sub", sub)
    .addNode("ask", () => {
      const answer = interrupt("go on?") as string;
      ran("ask");
      return { steps: ["ask"], answer };
    })
    .addNode("last", step("last"))
    .addEdge(START, "plan")
    .addEdge("plan", "left")
    .addEdge("plan", "right")
    .addEdge("left", "sub")
    .addEdge("right", "sub")
    .addEdge("sub", "ask")
    .addEdge("ask", "last")
    .addEdge("last", END)
    .compile({ checkpointer: saver });
}

/** A node that sends so many tasks, each of which adds an item. */
export function sendingGraph(saver: BaseCheckpointSaver, sends: number) {
  const State = Annotation.Root({ items: added });
  return new StateGraph(State)
    .addNode("split", () => ({}))
    .addNode("work", ({ items }: { items: string[] }) => ({ items: [`done ${items[0]}`] }))
    .addEdge(START, "split")
    .addConditionalEdges("split", () =>
      Array.from({ length: sends }, (_, n) => new Send("work", { items: [`${n}`] })),
    )
    .addEdge("work", END)
    .compile({ checkpointer: saver });
}

export { Command };
