import { expect, test } from "vitest";
import { callDigest, createApprovals } from "../../src/approvals/index.js";
import type { JsonValue } from "../../src/typed/index.js";
import { losingAnswers } from "../typed/lost-answers.js";
import { newSession, onEveryStore } from "../typed/stores.js";
import { CALL, HOUR, TestClock } from "./states.js";

const APPROVE = { decision: "approve", by: "bob" } as const;

onEveryStore((opened) => {
  const gate = (options = {}) => createApprovals(opened.store, options);

  test("a request is returned as it was made, and later changes to the caller's objects have no effect", async () => {
    const clock = new TestClock();
    const approvals = gate({ clock: clock.now });
    const who = newSession();
    const request = {
      tool: "files.delete",
      arguments: { paths: ["a", "b"] },
      sideEffect: "write",
      question: "Really?",
      requester: "ann",
      run: "r1",
      step: "7",
      sender: { channel: "mail", thread: [1] },
      ttlMs: HOUR,
    };
    const expected = {
      ...structuredClone({ ...request, ttlMs: undefined }),
      id: expect.any(String),
      identity: who,
      status: "pending",
      digest: expect.stringMatching(/^[0-9a-f]{64}$/),
      requestedAt: new Date(clock.time),
      expiresAt: new Date(clock.time + HOUR),
    };
    const asked = approvals.request(who, request);
    request.arguments.paths.push("c");
    request.sender.thread.push(2);
    const { approval, duplicate } = await asked;
    expect(duplicate).toBe(false);
    expect(approval).toEqual(expected);
    expect(await approvals.get(who, approval.id)).toEqual(approval);
  });

  test("values with an interface as their type are accepted as JSON", async () => {
    interface Removal {
      readonly path: string;
      readonly force?: boolean;
    }
    interface Channel {
      readonly name: string;
    }
    const removal: Removal = { path: "/tmp/a" };
    const channel: Channel = { name: "mail" };
    const approvals = gate();
    const who = newSession();
    const call = { tool: "files.delete", arguments: removal };
    const { approval } = await approvals.request(who, { ...call, sender: channel });
    expect(approval).toMatchObject({ digest: callDigest("files.delete", removal), sender: channel });
    await approvals.decide(who, approval.id, APPROVE);
    await approvals.claim(who, approval.id, call);
    const { outcome } = await approvals.complete(who, approval.id, { result: removal });
    expect(outcome?.result).toEqual(removal);
    const seen: JsonValue = approval.arguments;
    expect(seen).toEqual(removal);
  });

  test("a request lasts 30 minutes unless it says otherwise", async () => {
    const { approval } = await gate().request(newSession(), CALL);
    expect(approval.expiresAt.getTime() - approval.requestedAt.getTime()).toBe(30 * 60_000);
  });

  test("a request with an id is made once; sent again it shows what became of it, with other content it is refused", async () => {
    const approvals = gate();
    const who = newSession();
    const request = { ...CALL, id: "call-1", sender: { a: 1, b: 2 } };
    await approvals.request(who, request);
    await approvals.decide(who, "call-1", { ...APPROVE, ttlMs: HOUR });
    await expect(approvals.request(who, { ...request, sender: { b: 2, a: 1 } })).resolves.toMatchObject({
      duplicate: true,
      approval: { id: "call-1", status: "approved" },
    });
    for (const change of [
      { tool: "x" },
      { arguments: {} },
      { question: "" },
      { ttlMs: HOUR },
      { run: "r" },
    ]) {
      await expect(approvals.request(who, { ...request, ...change })).rejects.toMatchObject({
        code: "IDEMPOTENCY_CONFLICT",
      });
    }
    expect((await approvals.list({ tenant: who.tenant })).approvals).toHaveLength(1);
  });

  test("a request with an id, by many at once, is made once", async () => {
    const who = newSession();
    const bad = losingAnswers(opened.store, { requests: 0.2, replies: 0.2, mostPerWrite: 4 });
    const gates = [gate(), gate(), createApprovals(bad)];
    const request = { ...CALL, id: "call-1" };
    const receipts = await Promise.all(
      Array.from({ length: 30 }, (_, n) => gates[n % 3]?.request(who, request)),
    );
    expect(receipts.filter((receipt) => receipt?.duplicate === false)).toHaveLength(1);
    expect((await gate().list({ tenant: who.tenant })).approvals).toHaveLength(1);
    expect((await gate().list(who)).approvals).toHaveLength(1);
  });

  test("a request that was lost on its way, while another one came first, is a duplicate", async () => {
    const who = newSession();
    const request = { ...CALL, id: "call-1" };
    const { approval } = await gate().request(who, request);
    let sent = 0;
    const line = losingAnswers(opened.store, {
      requests: 0.5,
      replies: 0,
      random: () => (sent++ === 0 ? 0 : 1),
    });
    await expect(createApprovals(line).request(who, request)).resolves.toEqual({
      approval,
      duplicate: true,
    });
    expect(sent).toBeGreaterThan(1);
  });

  test("a request under hostile names is as good as any", async () => {
    const approvals = gate();
    const who = newSession();
    const names = [
      "../x",
      "a/b",
      "approval/1",
      "%",
      "_",
      "pending/",
      "\u{1f600}",
      "A",
      "a",
      "é",
      "e\u0301",
      "~",
      "__proto__",
    ];
    for (const name of names) {
      await approvals.request(who, { tool: name, arguments: { [name]: name }, id: name, requester: name });
    }
    for (const name of names) {
      await approvals.decide(who, name, { decision: "approve", by: name });
      await expect(
        approvals.claim(who, name, { tool: name, arguments: { [name]: name } }),
      ).resolves.toMatchObject({
        id: name,
        tool: name,
        status: "claimed",
      });
    }
    const { approvals: listed } = await approvals.list(who, { status: "claimed" });
    expect(listed.map(({ id }) => id).sort()).toEqual([...names].sort());
  });
});
