import type { SessionIdentity } from "../../src/index.js";
import type { createRuntime } from "../../src/runtime/index.js";
import { json } from "../../src/typed.js";

type Runtime = Omit<ReturnType<typeof createRuntime>, symbol>;

/** A secret of its own for a field, by the field's name. */
type SecretOf = (field: string) => string;

/** Writes a secret into every text and every value that a wrapper stores, of one wrapper each. */
export const EVERY_TEXT: Readonly<
  Record<string, (runtime: Runtime, who: SessionIdentity, secret: SecretOf) => Promise<unknown>>
> = {
  async sessions({ sessions, together }, who, secret) {
    const { tenant, user } = who;
    await sessions.create(who, {
      metadata: { title: secret("metadata"), deep: [{ a: secret("deep metadata") }] },
    });
    await sessions.changeMetadata(who, (before) => ({
      ...(before as object),
      more: secret("changed metadata"),
    }));
    await sessions.append(who, [
      { id: "e-1", value: secret("event") },
      { id: "e-2", value: { deep: [{ text: `is ${secret("deep event")}.` }] } },
      {
        id: "e-3",
        value: JSON.stringify({ inner: JSON.stringify({ text: `\n${secret("escaped event")}\n` }) }),
      },
      { id: "e-4", value: "four" },
    ]);
    await sessions.append(who, { value: `${"x ".repeat(700_000)}${secret("large event")}` });
    await sessions.replace(who, { number: 4, value: [secret("replaced event")] });
    await together((unit) => sessions.in(unit).append(who, { value: secret("event of a unit") }));
    await sessions.append(who, { value: "seven" });
    await sessions.redact(who, 7, { by: "b", reason: secret("reason of redact") });
    await sessions.saveSummary(who, { upTo: 1, value: { text: secret("summary") } });
    await sessions.sessionState(who).set("k", { a: secret("session state") });
    await sessions.sessionState(who).update("u", () => secret("updated state"));
    await sessions.userState({ tenant, user }).set("k", secret("user state"));
    await sessions.tenantState(tenant).set("k", secret("tenant state"));
    await sessions.fork(who, { tenant, user, session: "fork" }, { metadata: { f: secret("fork metadata") } });
    await sessions.create({ tenant, user, session: "again" });
    await sessions.append({ tenant, user, session: "again" }, { value: "old" });
    await sessions.rewrite({ tenant, user, session: "again" }, [{ value: secret("rewritten event") }]);
    const source = { tenant, user, session: "source" };
    await sessions.create(source, { metadata: { m: "METADATA" } });
    await sessions.append(source, [{ value: "EVENT" }, { value: "x" }]);
    await sessions.redact(source, 2, { by: "b", reason: "REASON" });
    await sessions.saveSummary(source, { upTo: 1, value: "SUMMARY" });
    await sessions.sessionState(source).set("k", "STATE");
    const lines: string[] = [];
    for await (const line of sessions.export(source))
      lines.push(
        line.replace(/"(METADATA|EVENT|REASON|SUMMARY|STATE)"/g, (_, name) =>
          JSON.stringify(secret(`imported ${name}`)),
        ),
      );
    await sessions.import({ tenant, user, session: "imported" }, lines);
  },

  async approvals({ approvals }, who, secret) {
    const request = (id: string) => approvals.request(who, { id, tool: "mail", arguments: { id } });
    await approvals.request(who, {
      id: "a-1",
      tool: "mail",
      arguments: { to: [secret("arguments")] },
      question: `May I? ${secret("question")}`,
      sender: { from: secret("sender") },
    });
    await approvals.extend(who, "a-1", { by: "b", ttlMs: 7_000_000, reason: secret("reason of extend") });
    await approvals.reassign(who, "a-1", { by: "b", assignee: "c", reason: secret("reason of reassign") });
    const edited = { to: secret("edited arguments") };
    await approvals.decide(who, "a-1", {
      decision: "approve",
      by: "b",
      reason: secret("reason of decide"),
      arguments: edited,
    });
    await approvals.claim(who, "a-1", { tool: "mail", arguments: edited });
    await approvals.complete(who, "a-1", { result: { sent: secret("result") } });
    await request("a-2");
    await approvals.cancel(who, "a-2", { by: "b", reason: secret("reason of cancel") });
    await request("a-3");
    await approvals.decide(who, "a-3", { decision: "approve", by: "b" });
    await approvals.revoke(who, "a-3", { by: "b", reason: secret("reason of revoke") });
    await request("a-4");
    await approvals.decide(who, "a-4", { decision: "approve", by: "b" });
    await approvals.claim(who, "a-4", { tool: "mail", arguments: { id: "a-4" } });
    await approvals.fail(who, "a-4", { error: secret("error") });
    await request("a-5");
    await approvals.cancelAll(who, { by: "b", reason: secret("reason of cancelAll") });
  },

  async questions({ questions }, who, secret) {
    const choice = `Use ${secret("choice")}`;
    await questions.ask(who, {
      id: "q-1",
      text: `Which? ${secret("text")}`,
      context: { a: [secret("context")] },
      sender: secret("sender"),
      choices: [choice, "No"],
    });
    await questions.extend(who, "q-1", { by: "b", ttlMs: 100_000_000, reason: secret("reason of extend") });
    await questions.answer(who, "q-1", { value: choice, by: "b" });
    await questions.ask(who, { id: "q-2", text: "Free?" });
    await questions.answer(who, "q-2", { value: { a: secret("answer") }, by: "b" });
    await questions.ask(who, { id: "q-3", text: "Any?", schema: "any" });
    await questions.answer(who, "q-3", { value: secret("answer by schema"), by: "b" });
    await questions.ask(who, { id: "q-4", text: "Stop?" });
    await questions.cancel(who, "q-4", { by: "b", reason: secret("reason of cancel") });
    await questions.ask(who, { id: "q-5", text: "All?" });
    await questions.cancelAll(who, { by: "b", reason: secret("reason of cancelAll") });
  },

  async runs({ runs }, who, secret) {
    const start = async (id: string) => {
      await runs.start(who, { id });
      return (await runs.claim(who, id, { worker: "w", leaseMs: 60_000 })).lease;
    };
    await runs.start(who, { id: "r-1", input: { a: secret("input") }, metadata: [secret("metadata")] });
    const { lease } = await runs.claim(who, "r-1", { worker: "w", leaseMs: 60_000 });
    await runs.beginStep(lease, "s-1", { metadata: { a: secret("metadata of a step") } });
    await runs.finishStep(lease, "s-1", { result: { a: secret("result of a step") } });
    await runs.beginStep(lease, "s-2");
    await runs.finishStep(lease, "s-2", { error: secret("error of a step") });
    await runs.step(lease, "s-3", () => ({ a: secret("kept result") }), {
      metadata: secret("metadata of step"),
    });
    const codec = {
      version: 0,
      encode: (value: ReadonlyMap<string, string>) => Buffer.from(JSON.stringify([...value])),
      decode: (bytes: Uint8Array) => new Map(JSON.parse(Buffer.from(bytes).toString()) as [string, string][]),
    };
    await runs.step(lease, "s-4", () => new Map([["k", secret("result by a codec")]]), { codec });
    const url = {
      "~standard": { version: 1, vendor: "test", validate: (value: unknown) => ({ value }) },
    } as const;
    const link = new URL(`https://example.com/?key=${secret("result by a schema")}`);
    await runs.step(lease, "s-5", () => ({ link }) as never, { codec: json({ schema: url }) as never });
    await runs.complete(lease, { result: secret("result") });
    const failing = await start("r-2");
    await runs.fail(failing, { error: secret("error") });
    await runs.start(who, { id: "r-3" });
    await runs.pause(who, "r-3", { reason: secret("reason of pause") });
    await runs.start(who, { id: "r-4" });
    await runs.cancel(who, "r-4", { reason: secret("reason of cancel") });
    await runs.start(who, { id: "r-5" });
    await runs.halt(who, "r-5", { reason: secret("reason of halt") });
    const last = await start("r-6");
    await runs.beginStep(last, "s");
    await runs.finishStep(last, "s", { complete: { result: secret("completing result") } });
    await runs.step(await start("r-7"), "s", ({ complete }) =>
      complete({ result: secret("completed by work") }),
    );
  },

  async toolCalls({ toolCalls, approvals }, who, secret) {
    const large = () => "y ".repeat(700_000);
    await toolCalls.begin(who, { id: "c-1", tool: "t", arguments: { a: secret("arguments") } });
    await toolCalls.succeed(who, "c-1", { result: { a: secret("result") } });
    await toolCalls.begin(who, { id: "c-2", tool: "t", arguments: [large(), secret("large arguments")] });
    await toolCalls.succeed(who, "c-2", { result: [large(), secret("large result")] });
    await toolCalls.begin(who, { id: "c-3", tool: "t", arguments: {} });
    await toolCalls.fail(who, "c-3", { error: secret("error") });
    await toolCalls.begin(who, { id: "c-4", tool: "t", arguments: {} });
    await toolCalls.abandon(who, "c-4", { reason: secret("reason") });
    const call = { id: "c-5", tool: "t", arguments: { a: secret("arguments of once") } };
    await toolCalls.once(who, call, async () => [secret("result of once")]);
    // The approval is of these arguments, as both wrappers see them.
    const approved = { tool: "t", arguments: { a: secret("approved arguments") } };
    await approvals.request(who, { id: "a", ...approved });
    await approvals.decide(who, "a", { decision: "approve", by: "b" });
    await toolCalls.begin(who, { id: "c-6", ...approved, approval: "a" });
    await toolCalls.fail(who, "c-6", { error: secret("error of an approved call") });
  },

  async checkpoints({ checkpoints, together }, who, secret) {
    const place = { lineage: "main", namespace: "" };
    await checkpoints.put(who, {
      ...place,
      id: "p-1",
      values: { messages: [{ text: secret("value") }], large: ["z ".repeat(700_000), secret("large value")] },
      metadata: { a: [secret("metadata")] },
      usage: { a: secret("usage") },
    });
    await checkpoints.putWrites(who, {
      ...place,
      id: "p-1",
      task: "t",
      writes: [{ channel: "messages", value: secret("pending write") }],
    });
    await together((unit) =>
      checkpoints
        .in(unit)
        .putAll(who, { ...place, id: "p-2", values: { a: secret("value of putAll") } }, [
          { task: "u", writes: [{ channel: "a", value: [secret("write of putAll")] }] },
        ]),
    );
  },

  async ledger({ ledger }, who, secret) {
    const { entry } = await ledger.record(who, { provider: "p", model: "m", cost: "1" });
    await ledger.adjust(who, entry.id, { by: { cost: "-0.5" }, reason: secret("reason of adjust") });
    await ledger.attempt(who, {
      id: "t-1",
      turn: 1,
      provider: "p",
      model: "m",
      outcome: "failed",
      reason: secret("reason of an attempt"),
    });
  },

  async policies({ policies }, { tenant, user }, secret) {
    await policies.put({ tenant }, { name: "n", tools: "any", metadata: { a: [secret("metadata")] } });
    await policies.remember({ tenant, user }, { tool: "t", by: "b", reason: secret("reason of a grant") });
  },

  async schedules({ schedules }, { tenant }, secret) {
    const when = { at: new Date(0) };
    await schedules.put(
      { tenant },
      { name: "s", when, action: { prompt: secret("action") }, missed: "once" },
    );
    const claimed = await schedules.claimDue({ tenant }, { worker: "w", leaseMs: 60_000 });
    if (claimed === undefined) throw new Error("nothing is due");
    await schedules.finish(claimed.lease, { status: "failed", error: secret("error") });
  },

  async facts({ facts, together }, { tenant, user }, secret) {
    const who = { tenant, user };
    await facts.put(who, ["a"], "k", { v: [secret("value")] });
    await facts.update(who, ["a"], "u", () => secret("updated value"));
    await together((unit) => facts.in(unit).put({ tenant }, ["b"], "k", secret("value of a tenant")));
  },

  async memories({ memories, together }, { tenant, user }, secret) {
    const who = { tenant, user };
    await memories.add(who, `Her key is ${secret("content")}.`, {
      id: "m-1",
      metadata: { a: secret("metadata") },
    });
    await memories.add(who, "plain", { id: "m-2" });
    await memories.update(who, "m-2", {
      content: secret("new content"),
      metadata: { a: [secret("new metadata")] },
    });
    await together((unit) => memories.in(unit).add(who, secret("content of a unit")));
  },

  async expiring({ expiring }, who, secret) {
    await expiring.set(who, "g", "k", { v: secret("value") }, { ttlMs: 600_000 });
    await expiring.update(who, "g", "u", () => [secret("updated value")], { ttlMs: 600_000 });
  },

  async artifacts({ artifacts, together }, who, secret) {
    await artifacts.put(who, {
      name: "a.txt",
      content: `key=${secret("text")}`,
      metadata: { a: secret("metadata") },
    });
    await artifacts.put(who, { name: "b.txt", content: `${"w ".repeat(700_000)}${secret("large text")}` });
    await together((unit) =>
      artifacts.in(unit).put(who, { name: "c.txt", content: secret("text of a unit") }),
    );
  },

  async results({ results }, who, secret) {
    await results.put(who, { content: `out: ${secret("text")}`, metadata: { a: [secret("metadata")] } });
  },

  async errors({ errors, together }, who, secret) {
    await errors.record(who, {
      tool: "t",
      message: `401 for ${secret("message")}`,
      stack: `Error\n    at ${secret("stack")}`,
      arguments: { a: [secret("arguments")] },
    });
    // Cut in its middle, it would not be known as a secret.
    const message = `${"m".repeat(16 * 1024 - 20)} ${secret("cut message")}`;
    await together((unit) => errors.in(unit).record(who, { tool: "t", message }));
  },
};
