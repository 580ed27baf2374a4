import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { newEventId } from "../../../src/index.js";
import { soak } from "../../soak.js";
import { onSharedStores } from "../../typed/stores.js";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

/**
 * Runs a graph to its end, or goes on with it, and says of each node when it begins and when what it wrote is stored. A node
 * of a name that is given waits for ever.
 */
const WORKER = `
  import { Annotation, END, START, StateGraph } from "@langchain/langgraph";
  import { openStore } from "groundstate";
  import { GroundstateSaver } from "groundstate/langgraph";
  import "groundstate/drivers";
  const { url, owner, thread, stuck } = JSON.parse(process.argv[1]);
  const say = (...words) => process.stdout.write(words.join(" ") + "\\n");
  const store = await openStore(url);
  const saver = new GroundstateSaver(store, { owner });
  const { putWrites } = GroundstateSaver.prototype;
  saver.putWrites = async (config, writes, task, path) => {
    await putWrites.call(saver, config, writes, task, path);
    for (const [channel, value] of writes) if (channel === "done" && value[0] !== "input") say("stored", value[0]);
  };
  const State = Annotation.Root({ done: Annotation({ reducer: (all, more) => [...all, ...more], default: () => [] }) });
  const node = (name) => async () => {
    say("begins", name);
    if (name === stuck) await new Promise(() => setInterval(() => {}, 1_000));
    return { done: [name] };
  };
  const graph = new StateGraph(State)
    .addNode("first", node("first"))
    .addNode("fast", node("fast"))
    .addNode("slow", node("slow"))
    .addNode("last", node("last"))
    .addEdge(START, "first")
    .addEdge("first", "fast")
    .addEdge("first", "slow")
    .addEdge(["fast", "slow"], "last")
    .addEdge("last", END)
    .compile({ checkpointer: saver });
  const config = { configurable: { thread_id: thread }, durability: "sync" };
  const isNew = (await saver.getTuple(config)) === undefined;
  const { done } = await graph.invoke(isNew ? { done: ["input"] } : null, config);
  say("ends", done.join(","));
  await store.close();
`;

/** What a process said until it ended, or until it was killed upon the last of these. */
async function said(given: object, killedUpon: readonly string[]): Promise<string[]> {
  const worker = spawn(process.execPath, ["--input-type=module", "-e", WORKER, JSON.stringify(given)], {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines: string[] = [];
  for await (const line of createInterface(worker.stdout)) {
    lines.push(line);
    if (killedUpon.length > 0 && killedUpon.every((each) => lines.includes(each))) worker.kill("SIGKILL");
  }
  if (worker.exitCode === null && worker.signalCode === null) await once(worker, "exit");
  return lines;
}

onSharedStores((opened) => {
  test("a graph whose process is killed goes on in another, and runs no node again that had finished", async () => {
    for (let round = 0; round < soak(1); round++) {
      const thread = `thread-${round}`;
      const owner = { tenant: `tenant-${newEventId()}`, user: "ann" };
      const run = (stuck: string, ...killedUpon: string[]) =>
        said({ url: opened.url, owner, thread, stuck }, killedUpon);
      expect(await run("first", "begins first")).toEqual(["begins first"]);
      const second = await run("slow", "begins slow", "stored fast");
      expect(second.slice(0, 2)).toEqual(["begins first", "stored first"]);
      const third = await run("last", "begins last");
      expect(third).toEqual(["begins slow", "stored slow", "begins last"]);
      const fourth = await run("none");
      expect(fourth.at(-1)).toBe("ends input,first,fast,slow,last");
      expect(fourth.filter((line) => line.startsWith("begins"))).toEqual(["begins last"]);
    }
  });
});
