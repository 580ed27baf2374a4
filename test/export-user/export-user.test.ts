import { expect, test } from "vitest";
import { createApprovals } from "../../src/approvals/index.js";
import { createArtifacts, createResults } from "../../src/artifacts/index.js";
import { createCheckpoints } from "../../src/checkpoints/index.js";
import { createExpiring } from "../../src/expiring/index.js";
import { exportUser, type UserData } from "../../src/export-user/index.js";
import { createFacts } from "../../src/facts/index.js";
import { isStateError, newEventId, type StateStore, userIdentity } from "../../src/index.js";
import { createLedger } from "../../src/ledger/index.js";
import { createMemories } from "../../src/memories/index.js";
import { createQuestions } from "../../src/questions/index.js";
import { createRuns } from "../../src/runs/index.js";
import { createSessions } from "../../src/sessions/index.js";
import { createToolCalls } from "../../src/tool-calls/index.js";
import { type ContentRecord, json, Lifecycle, type LifecycleState } from "../../src/typed.js";
import { inMemory, onEveryStore } from "../typed/stores.js";

interface Line {
  readonly export?: object;
  readonly item?: { readonly of: string; readonly session?: string; readonly value: Record<string, unknown> };
  readonly end?: { readonly lines: number };
}

async function linesOf(lines: AsyncIterable<string>): Promise<Line[]> {
  const read: Line[] = [];
  for await (const line of lines) {
    expect(line).not.toMatch(/[\n\r]/);
    read.push(JSON.parse(line));
  }
  return read;
}

function itemsOf(lines: readonly Line[], of: string, session?: string): Record<string, unknown>[] {
  return lines
    .flatMap(({ item }) => item ?? [])
    .filter((item) => item.of === of && item.session === session)
    .map(({ value }) => value);
}

onEveryStore((opened) => {
  /** One of everything, with the user's name in it. */
  async function populate(tenant: string, user: string) {
    const { store } = opened;
    const who = { tenant, user, session: "s-1" };
    const sessions = createSessions(store);
    await sessions.userState(userOf(who)).set("language", user);
    await sessions.create(who, { metadata: { title: user } });
    await sessions.append(who, [{ value: `I am ${user}` }, { value: "noted" }]);
    await sessions.saveSummary(who, { upTo: 1, value: `a summary of ${user}` });
    await sessions.sessionState(who).set("step", { of: user });
    const { approval } = await createApprovals(store).request(who, {
      tool: "mail",
      arguments: { to: user },
    });
    await createApprovals(store).decide(who, approval.id, { decision: "deny", by: "boss" });
    await createQuestions(store).ask(who, { text: `Who is ${user}?` });
    await createToolCalls(store).begin(who, { id: "c", tool: "mail", arguments: { to: user } });
    const runs = createRuns(store);
    await runs.start(who, { id: "r", name: "nightly", input: { of: user } });
    const { lease } = await runs.claim(who, "r", { worker: "w", leaseMs: 60_000 });
    await runs.step(lease, "fetch", () => ({ found: user }));
    await createCheckpoints(store).put(who, { lineage: "l", id: "cp", values: { messages: [user] } });
    await createCheckpoints(store).putWrites(who, {
      lineage: "l",
      id: "cp",
      task: "t",
      writes: [{ channel: "next", value: user }],
    });
    await createArtifacts(store).put(who, { name: "a.txt", content: `bytes of ${user}` });
    await createResults(store).put(who, { content: `result of ${user}` });
    await createExpiring(store).set(userOf(who), "codes", "login", user, { ttlMs: 3_600_000 });
    await createMemories(store).add(userOf(who), `${user} likes tea`);
    await createFacts(store).put(userOf(who), ["profile"], "name", user);
    await createLedger(store).record(who, { provider: "p", model: user, promptTokens: 7, cost: "0.1" });
    await store.save({
      identity: { ...who, session: "own" },
      kind: "app/note",
      eventId: newEventId(),
      bytes: Uint8Array.of(255, 0),
    });
    return who;
  }

  test("everything of a user, and nothing of another", async () => {
    const tenant = `t-${newEventId()}`;
    const who = await populate(tenant, "ada");
    await populate(tenant, "adam");
    await populate(`${tenant}-2`, "ada");
    const lines = await linesOf(exportUser(opened.store, userOf(who)));
    expect(lines[0]).toEqual({ export: { of: "user", version: 1, identity: userOf(who) } });
    expect(lines.at(-1)).toEqual({ end: { lines: lines.length - 1 } });
    expect(JSON.stringify(lines)).not.toMatch(/adam|-2"/);
    const own = (of: string) => itemsOf(lines, of);
    const of = (name: string) => itemsOf(lines, name, "s-1");
    expect(own("records").map(({ kind, value }) => [kind, value])).toContainEqual([
      "user.state/language",
      "ada",
    ]);
    expect(own("records").filter(({ kind }) => String(kind).startsWith("facts"))).toHaveLength(1);
    expect(own("memories")).toEqual([expect.objectContaining({ content: "ada likes tea" })]);
    expect(own("expiring")).toEqual([
      expect.objectContaining({ group: "codes", key: "login", value: "ada" }),
    ]);
    expect(own("entries")).toEqual([expect.objectContaining({ model: "ada", session: "s-1" })]);
    expect(own("audit")).toEqual([expect.objectContaining({ tool: "mail", arguments: { to: "ada" } })]);
    expect(of("sessions").map((line) => Object.keys(line)[0])).toEqual([
      "export",
      "session",
      "event",
      "event",
      "summary",
      "state",
      "end",
    ]);
    expect(of("approvals")).toEqual([
      expect.objectContaining({ status: "denied", arguments: { to: "ada" } }),
    ]);
    expect(of("questions")).toEqual([expect.objectContaining({ text: "Who is ada?" })]);
    expect(of("toolCalls")).toEqual([expect.objectContaining({ id: "c", arguments: { to: "ada" } })]);
    expect(of("runs")).toEqual([
      expect.objectContaining({ id: "r", input: { of: "ada" } }),
      { run: "r", step: expect.objectContaining({ key: "fetch" }), result: { value: { found: "ada" } } },
    ]);
    expect(of("lineages")).toEqual([
      expect.objectContaining({ lineage: "l", id: "cp", values: { messages: { value: ["ada"] } } }),
      {
        lineage: "l",
        namespace: "",
        checkpoint: "cp",
        write: expect.objectContaining({ task: "t", channel: "next", value: { value: "ada" } }),
      },
    ]);
    const bytes = (text: string) => ({ at: 0, bytes: Buffer.from(text).toString("base64") });
    expect(of("artifacts")).toEqual([
      expect.objectContaining({ name: "a.txt", version: 1 }),
      { name: "a.txt", version: 1, content: bytes("bytes of ada") },
    ]);
    expect(of("results")[1]).toMatchObject({ content: bytes("result of ada") });
    // Nothing of a wrapper comes as it is stored besides.
    expect(of("records")).toEqual([]);
    expect(itemsOf(lines, "records", "own")).toEqual([
      expect.objectContaining({ kind: "app/note", bytes: "/wA=" }),
    ]);
  });

  test("a session of an export can be imported", async () => {
    const who = await populate(`t-${newEventId()}`, "ada");
    const lines = await linesOf(exportUser(opened.store, userOf(who)));
    const session = itemsOf(lines, "sessions", "s-1").map((line) => JSON.stringify(line));
    const sessions = createSessions(opened.store);
    await sessions.import({ ...who, session: "s-2" }, session);
    expect(await sessions.read({ ...who, session: "s-2" })).toEqual(await sessions.read(who));
  });

  test("sorts of the caller's own take part, a lifecycle by its declaration", async () => {
    const who = { tenant: `t-${newEventId()}`, user: "ada", session: "s-1" };
    const tasks = new Lifecycle(opened.store, {
      name: "task",
      transitions: { open: [] },
      listedBy: [{ under: "tenant" }],
      stateCodec: json<LifecycleState<"open">>(),
      contentCodec: json<ContentRecord<string>>(),
      view: ({ id }, { content }) => ({ id, text: content }),
    });
    const at = (createdAt: number) => ({ status: "open" as const, createdAt });
    await tasks.create(tasks.readKey(who, "t-1"), "water", () => at(1));
    const notes: UserData = {
      name: "notes",
      exportedKinds: ["note"],
      async *exportOf({ session }) {
        yield JSON.stringify({ of: session });
      },
    };
    const save = (kind: string) =>
      opened.store.save({ identity: who, kind, eventId: newEventId(), bytes: Buffer.from('"x"') });
    await save("note");
    await save("note2");
    const lines = await linesOf(
      exportUser(opened.store, userOf(who), { data: [tasks.userData("tasks"), notes] }),
    );
    expect(itemsOf(lines, "tasks", "s-1")).toEqual([{ id: "t-1", text: "water" }]);
    expect(itemsOf(lines, "notes", "s-1")).toEqual([{ of: "s-1" }]);
    expect(itemsOf(lines, "records", "s-1").map(({ kind, value }) => [kind, value])).toEqual([
      ["note2", "x"],
    ]);
  });

  test("what is damaged is passed over, and told in the place of the end", async () => {
    const who = await populate(`t-${newEventId()}`, "ada");
    const [record] = await opened.store.list(who, "question/");
    if (record === undefined) throw new Error("nothing is stored");
    await opened.store.save({ ...record, eventId: "damage", bytes: Buffer.from("{}") });
    const lines: string[] = [];
    const failed = (async () => {
      for await (const line of exportUser(opened.store, userOf(who))) lines.push(line);
    })();
    await expect(failed).rejects.toMatchObject({ code: "CORRUPT", details: { at: { kind: record.kind } } });
    const read = lines.map((line) => JSON.parse(line) as Line);
    expect(read.at(-1)?.end).toBeUndefined();
    expect(itemsOf(read, "questions", "s-1")).toEqual([]);
    expect(itemsOf(read, "results", "s-1")).toHaveLength(2);
  });

  test("a session that changes while it is exported begins anew", async () => {
    const who = await populate(`t-${newEventId()}`, "ada");
    const sessions = createSessions(opened.store);
    let changes = 0;
    const values: Record<string, unknown>[] = [];
    for await (const line of exportUser(opened.store, userOf(who))) {
      const { item } = JSON.parse(line) as Line;
      if (item?.of !== "sessions") continue;
      values.push(item.value);
      if ("state" in item.value && changes++ === 0) await sessions.sessionState(who).set("step", 2);
    }
    const begin = values.findLastIndex((value) => "export" in value);
    expect(begin).toBeGreaterThan(0);
    expect(values.slice(begin).at(-1)).toEqual({ end: { lines: 6 } });
    expect(values).toContainEqual({ state: expect.objectContaining({ value: 2 }) });
  });

  test("a user without anything has an export without items", async () => {
    const lines = await linesOf(exportUser(opened.store, { tenant: `t-${newEventId()}`, user: "nobody" }));
    expect(lines.map((line) => Object.keys(line)[0])).toEqual(["export", "end"]);
  });

  test("an abort ends it with the signal's reason", async () => {
    const who = await populate(`t-${newEventId()}`, "ada");
    const controller = new AbortController();
    const lines = exportUser(opened.store, userOf(who), { signal: controller.signal });
    await lines.next();
    controller.abort(new Error("enough"));
    await expect(linesOf(lines)).rejects.toThrow("enough");
  });
});

inMemory((opened) => {
  test.each<[string, (store: StateStore) => unknown]>([
    ["user", (store) => exportUser(store, { tenant: "t" } as never)],
    ["user", (store) => exportUser(store, { tenant: "t", user: 1 } as never)],
    ["identity", (store) => exportUser(store, userIdentity("t", "u") as never)],
    ["options", (store) => exportUser(store, USER, { all: true } as never)],
    ["data", (store) => exportUser(store, USER, { data: {} as never })],
    ["data", (store) => exportUser(store, USER, { data: [{ name: "approvals" }] })],
    ["data", (store) => exportUser(store, USER, { data: [{ name: "records" }] })],
    ["data", (store) => exportUser(store, USER, { data: [{ name: "a" }, { name: "a" }] })],
    ["sessions", (store) => exportUser(store, USER, { sessions: {} as never })],
    ["signal", (store) => exportUser(store, USER, { signal: 1 as never })],
  ])("%s that makes no sense is refused at the call (%#)", (_, call) => {
    let error: unknown;
    try {
      call(opened.store);
    } catch (thrown) {
      error = thrown;
    }
    expect(isStateError(error, "INVALID_RECORD") || isStateError(error, "IDENTITY_REQUIRED")).toBe(true);
  });

  test("JSON with a line break is the fault of its sort", async () => {
    const broken: UserData = {
      name: "broken",
      async *exportOf() {
        yield "{\n}";
      },
    };
    await expect(linesOf(exportUser(opened.store, USER, { data: [broken] }))).rejects.toThrow(
      "exportOf of broken gave JSON with a line break",
    );
  });
});

const USER = { tenant: "t", user: "u" };

function userOf({ tenant, user }: { readonly tenant: string; readonly user: string }) {
  return { tenant, user };
}
