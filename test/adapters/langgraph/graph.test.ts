import { Annotation, END, MemorySaver, START, StateGraph } from "@langchain/langgraph";
import { expect, test } from "vitest";
import { GroundstateSaver } from "../../../src/adapters/langgraph/index.js";
import { createCheckpoints } from "../../../src/checkpoints/index.js";
import { newEventId, type StateStore } from "../../../src/index.js";
import { isSoak } from "../../soak.js";
import { onEveryStore } from "../../typed/stores.js";
import { branchingGraph, Command, sendingGraph } from "./graph.js";

const newOwner = () => ({ tenant: `tenant-${newEventId()}`, user: "ann" });
const newSaver = (store: StateStore, owner = newOwner()) => new GroundstateSaver(store, { owner });
const on = (thread_id: string) => ({ configurable: { thread_id } });

async function collected<T>(all: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const each of all) found.push(each);
  return found;
}

onEveryStore((opened) => {
  test("runs branches, a subgraph and an interrupt, and goes on with another saver", async () => {
    const owner = newOwner();
    const runs: string[] = [];
    const graph = () => branchingGraph(newSaver(opened.store, owner), (node) => runs.push(node));
    await graph().invoke({ steps: ["start"] }, on("t-1"));
    const waiting = await graph().getState(on("t-1"));
    expect(waiting.next).toEqual(["ask"]);
    expect(waiting.tasks[0]?.interrupts[0]?.value).toBe("go on?");
    const state = await graph().invoke(new Command({ resume: "yes" }), on("t-1"));
    expect(state).toMatchObject({ answer: "yes" });
    expect(runs).toEqual(["plan", "left", "right", "inner", "ask", "last"]);
    // A subgraph returns its whole state, with the steps that it was given.
    expect(state.steps.filter((step) => step === "last")).toHaveLength(1);
  });

  test("going back, editing and going on does what LangGraph's own saver in memory does", async () => {
    const played = async (saver: GroundstateSaver | MemorySaver) => {
      const runs: string[] = [];
      const graph = branchingGraph(saver, (node) => runs.push(node));
      await graph.invoke({ steps: [] }, on("t-1"));
      await graph.invoke(new Command({ resume: "yes" }), on("t-1"));
      const history = await collected(graph.getStateHistory(on("t-1")));
      const asked = history.find(({ next }) => next[0] === "ask");
      const again = await graph.invoke(new Command({ resume: "no" }), asked?.config);
      const edited = await graph.updateState(asked?.config ?? {}, { answer: "edited" }, "ask");
      const onwards = await graph.invoke(null, edited);
      const all = await collected(graph.getStateHistory(on("t-1")));
      const states = all.map(({ values, next, metadata, tasks }) => ({
        values,
        next,
        source: metadata?.source,
        step: metadata?.step,
        results: tasks.map(({ name, result, interrupts }) => ({ name, result, asked: interrupts.length })),
      }));
      return { runs, again, onwards, states };
    };
    const played1 = await played(newSaver(opened.store));
    expect(played1).toEqual(await played(new MemorySaver()));
    expect(played1.states.length).toBeGreaterThan(8);
  });

  test("1,000 sends, in a short run 200", async () => {
    const sends = isSoak ? 1_000 : 200;
    const graph = sendingGraph(newSaver(opened.store), sends);
    const { items } = await graph.invoke({ items: [] }, { ...on("t-1"), recursionLimit: 10 });
    expect(new Set(items).size).toBe(sends);
    expect((await graph.getState(on("t-1"))).values.items).toHaveLength(sends);
  });

  test("a task may have 2,000 writes, and more are refused", async () => {
    const saver = newSaver(opened.store);
    const config = await put(saver, "t", "c-1");
    const writes = Array.from({ length: 2_000 }, (_, n): [string, unknown] => ["items", n]);
    await saver.putWrites(config, writes, "task");
    const pending = (await saver.getTuple(config))?.pendingWrites ?? [];
    expect(pending.map(([, , value]) => value)).toEqual(writes.map(([, value]) => value));
    const more = saver.putWrites(config, [...writes, ["items", "more"]], "other");
    await expect(more).rejects.toMatchObject({ code: "INVALID_RECORD" });
  });

  test("300 channels, of which one changes: the others are stored once", async () => {
    const owner = newOwner();
    const names = Array.from({ length: 300 }, (_, n) => `channel${n}`);
    const State = Annotation.Root(Object.fromEntries(names.map((name) => [name, Annotation<string>])));
    const graph = new StateGraph(State)
      .addNode("one", () => ({ channel7: "changed" }))
      .addEdge(START, "one")
      .addEdge("one", END)
      .compile({ checkpointer: newSaver(opened.store, owner) });
    await graph.invoke(Object.fromEntries(names.map((name) => [name, name.repeat(20)])), on("t-1"));
    const { values } = await graph.getState(on("t-1"));
    expect(values).toMatchObject({ channel7: "changed", channel8: "channel8".repeat(20) });
    const stored = await opened.store.count({ ...owner, session: "t-1" }, "checkpoint.value/");
    expect(stored).toBeLessThan(320);
  });

  test("threads of any id are told apart and listed as they are; owners see their own", async () => {
    const tenant = `tenant-${newEventId()}`;
    const ann = newSaver(opened.store, { tenant, user: "ann" });
    const ids = [
      "t",
      "t-",
      "~t",
      "a/b",
      "a%2Fb",
      "\0",
      "x".repeat(300),
      `${"x".repeat(300)}y`,
      "T",
      "ü",
      "__proto__",
    ];
    for (const id of ids) await put(ann, id, `c-${ids.indexOf(id)}`);
    for (const user of ["bob", "an"]) await put(newSaver(opened.store, { tenant, user }), "t", "c-other");
    const listed = await collected(ann.list({}));
    expect(listed.map(({ config }) => config.configurable?.thread_id).sort()).toEqual([...ids].sort());
    for (const id of ids) {
      expect((await ann.getTuple(on(id)))?.checkpoint.id).toBe(`c-${ids.indexOf(id)}`);
      await ann.deleteThread(id);
      expect(await ann.getTuple(on(id))).toBeUndefined();
    }
    expect((await newSaver(opened.store, { tenant, user: "bob" }).getTuple(on("t")))?.checkpoint.id).toBe(
      "c-other",
    );
  });

  test("misuse", async () => {
    const saver = newSaver(opened.store);
    for (const thread_id of ["", 7, null]) {
      await expect(put(saver, thread_id as string, "c")).rejects.toMatchObject({ code: "INVALID_RECORD" });
    }
    await expect(put(newSaver(opened.store, { tenant: "", user: "a" }), "t", "c")).rejects.toMatchObject({
      code: "IDENTITY_REQUIRED",
    });
  });

  test("the same put again happens once, other content under its id is refused", async () => {
    const saver = newSaver(opened.store);
    await put(saver, "t", "c-1");
    await put(saver, "t", "c-1");
    expect(await collected(saver.list(on("t")))).toHaveLength(1);
    await expect(put(saver, "t", "c-1", { a: "other" })).rejects.toMatchObject({
      code: "IDEMPOTENCY_CONFLICT",
    });
  });

  test("two graphs on one thread at once lose no checkpoint and mix no lines", async () => {
    const owner = newOwner();
    const [one, other] = ["one", "other"].map((name) => {
      const State = Annotation.Root({
        by: Annotation<string[]>({ reducer: (a, b) => [...a, ...b], default: () => [] }),
      });
      const node = () => ({ by: [name] });
      return new StateGraph(State)
        .addNode("a", node)
        .addNode("b", node)
        .addNode("c", node)
        .addEdge(START, "a")
        .addEdge("a", "b")
        .addEdge("b", "c")
        .addEdge("c", END)
        .compile({ checkpointer: newSaver(opened.store, owner) });
    }) as unknown as [ReturnType<typeof branchingGraph>, ReturnType<typeof branchingGraph>];
    const start = { by: ["start"] } as never;
    const states = (await Promise.all([
      one.invoke(start, on("t")),
      other.invoke(start, on("t")),
    ])) as unknown as {
      by: string[];
    }[];
    expect(states.map(({ by }) => by.slice(-3))).toEqual([Array(3).fill("one"), Array(3).fill("other")]);
    const all = await collected(newSaver(opened.store, owner).list(on("t")));
    const byId = new Map(all.map((each) => [each.checkpoint.id, each]));
    expect(byId.size).toBe(all.length);
    for (const { parentConfig } of all) {
      const parent = parentConfig?.configurable?.checkpoint_id;
      if (parent !== undefined) expect(byId.has(parent)).toBe(true);
    }
    const lines = all.map(({ checkpoint }) => (checkpoint.channel_values.by ?? []) as string[]);
    for (const line of lines) expect(new Set(line.filter((name) => name !== "start")).size).toBeLessThan(2);
  });

  test("prunes what is old, as the checkpoints of the session", async () => {
    const owner = newOwner();
    const graph = branchingGraph(newSaver(opened.store, owner), () => {});
    for (let turn = 0; turn < 3; turn++) {
      await graph.invoke({ steps: [`turn ${turn}`] }, on("t"));
      await graph.invoke(new Command({ resume: "yes" }), on("t"));
    }
    const before = await opened.store.count({ ...owner, session: "t" }, "");
    await createCheckpoints(opened.store).prune(
      { ...owner, session: "t" },
      { lineage: "langgraph" },
      { keep: 1 },
    );
    expect(await opened.store.count({ ...owner, session: "t" }, "")).toBeLessThan(before / 3);
    expect((await graph.getState(on("t"))).values.answer).toBe("yes");
    await graph.invoke({ steps: ["again"] }, on("t"));
    expect((await graph.getState(on("t"))).next).toEqual(["ask"]);
  });
});

function put(
  saver: GroundstateSaver,
  thread: string,
  id: string,
  values: Record<string, unknown> = { a: "x" },
) {
  const checkpoint = {
    v: 4,
    id,
    ts: "2026-01-01T00:00:00.000Z",
    channel_values: values,
    channel_versions: { a: 1 },
    versions_seen: {},
  };
  return saver.put(on(thread), checkpoint, { source: "input", step: -1, parents: {} }, { a: 1 });
}
