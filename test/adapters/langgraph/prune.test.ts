import { Annotation, DeltaChannel, END, START, StateGraph } from "@langchain/langgraph";
import { expect, test } from "vitest";
import { GroundstateSaver, GroundstateStore } from "../../../src/adapters/langgraph/index.js";
import { createCheckpoints } from "../../../src/checkpoints/index.js";
import { newEventId, safeName } from "../../../src/index.js";
import { onEveryStore } from "../../typed/stores.js";

const newOwner = () => ({ tenant: `tenant-${newEventId()}`, user: "ann" });
const THREAD = { configurable: { thread_id: "t" } };

/** Each keeps what was added to it, and is stored whole only once in so many steps. */
function deltas(every: number) {
  return new DeltaChannel<string[], string[]>((all, more) => all.concat(more.flat()), {
    snapshotFrequency: every,
    initialValueFactory: () => [],
  });
}

/** Two steps a turn; the channels are stored whole at different times. */
function graphOf(saver: GroundstateSaver, every: readonly [number, number]) {
  const State = Annotation.Root({ log: () => deltas(every[0]), seen: () => deltas(every[1]) });
  return new StateGraph(State)
    .addNode("a", () => ({ log: ["a"], seen: ["a"] }))
    .addNode("b", () => ({ log: ["b"] }))
    .addEdge(START, "a")
    .addEdge("a", "b")
    .addEdge("b", END)
    .compile({ checkpointer: saver });
}

onEveryStore((opened) => {
  test.each([
    ["never stored whole", [1_000, 1_000]],
    ["stored whole at times", [3, 3]],
    ["stored whole at different times", [2, 5]],
  ] as const)("a prune keeps what channels of differences are made of: %s", async (_, every) => {
    const owner = newOwner();
    const graph = graphOf(new GroundstateSaver(opened.store, { owner }), every);
    const expected = { log: [] as string[], seen: [] as string[] };
    for (let turn = 0; turn < 4; turn++) {
      await graph.invoke({ log: [`u${turn}`], seen: [] }, THREAD);
      expected.log.push(`u${turn}`, "a", "b");
      expected.seen.push("a");
      await createCheckpoints(opened.store).prune(
        { ...owner, session: "t" },
        { lineage: "langgraph" },
        { keep: 1 },
      );
      expect((await graph.getState(THREAD)).values).toEqual(expected);
    }
  });

  test("a prune removes what lies before the last checkpoint that is whole", async () => {
    const owner = newOwner();
    const graph = graphOf(new GroundstateSaver(opened.store, { owner }), [1, 1]);
    for (let turn = 0; turn < 4; turn++) await graph.invoke({ log: [`u${turn}`], seen: [] }, THREAD);
    const checkpoints = createCheckpoints(opened.store);
    const session = { ...owner, session: "t" };
    await checkpoints.prune(session, { lineage: "langgraph" }, { keep: 1 });
    const { checkpoints: left } = await checkpoints.list(session, { lineage: "langgraph" });
    expect(left.length).toBeLessThan(4);
    expect((await graph.getState(THREAD)).values.log).toHaveLength(12);
  });

  test("no thread has the session of the store's items, whatever its id", async () => {
    const owner = newOwner();
    const items = new GroundstateStore(opened.store, { owner });
    await items.put(["likes"], "k", { n: 1 });
    const [session] = await opened.store.listSessions(owner, { limit: 2 });
    const taken = session?.session ?? "";
    for (const id of [taken, "langgraph-store"]) {
      expect(safeName(id)).not.toBe(taken);
      const graph = graphOf(new GroundstateSaver(opened.store, { owner }), [9, 9]);
      await graph.invoke({ log: [], seen: [] }, { configurable: { thread_id: id } });
      await opened.store.erase({ ...owner, session: safeName(id) });
      expect((await items.get(["likes"], "k"))?.value).toEqual({ n: 1 });
    }
  });
});
