import { describe, expect, test, vi } from "vitest";
import {
  isStateError,
  maintenanceScope,
  newEventId,
  openStore,
  type StateError,
  tenantIdentity,
  userIdentity,
} from "../../src/index.js";
import { createQuestions, type Questions } from "../../src/questions/index.js";
import { together } from "../../src/typed.js";
import { manualClock } from "../sessions/rig.js";
import { newSession, onEveryStore, onSharedStores } from "../typed/stores.js";
import { ACTIONS, ASKED, HOUR, SCHEMAS } from "./questions.js";

const ALL = (code: string) => ({ answer: code, cancel: code, extend: code, expire: code });

/** What each action leads to in each state: a status, or an error code. */
const OUTCOMES = {
  pending: { answer: "answered", cancel: "cancelled", extend: "pending", expire: "expired" },
  answered: ALL("ALREADY_ANSWERED"),
  cancelled: ALL("ALREADY_ANSWERED"),
  expired: { ...ALL("EXPIRED"), expire: "expired" },
  overdue: { ...ALL("EXPIRED"), expire: "expired" },
} as const;

onEveryStore((opened) => {
  function asking(options = {}) {
    const clock = manualClock();
    const questions = createQuestions(opened.store, { clock, ...options });
    return { questions, clock, who: newSession() };
  }

  async function inState(
    state: keyof typeof OUTCOMES,
    { questions, clock, who }: { questions: Questions; clock: ReturnType<typeof manualClock>; who: never },
  ) {
    await questions.ask(who, { ...ASKED, id: "q", ttlMs: HOUR });
    if (state === "answered") await ACTIONS.answer(questions, who, "q");
    if (state === "cancelled") await ACTIONS.cancel(questions, who, "q");
    if (state === "expired") await ACTIONS.expire(questions, who, "q");
    if (state === "overdue") clock.forward(HOUR);
    return questions.get(who, "q");
  }

  describe.each(Object.keys(OUTCOMES) as (keyof typeof OUTCOMES)[])("%s", (state) => {
    test.each(Object.keys(ACTIONS) as (keyof typeof ACTIONS)[])("%s", async (action) => {
      const given = asking();
      const { questions, who } = given;
      const before = await inState(state, given as never);
      expect(before.status).toBe(state === "overdue" ? "expired" : state);
      const outcome = await ACTIONS[action](questions, who, "q").then(
        ({ status }) => status,
        (error: unknown) => (isStateError(error) ? error.code : error),
      );
      expect(outcome).toBe(OUTCOMES[state][action]);
      const after = await questions.get(who, "q");
      if (outcome !== after.status) expect(after).toEqual(before);
      for (const where of [who, { tenant: who.tenant, user: who.user }, { tenant: who.tenant }])
        expect((await questions.list(where, { status: after.status })).questions).toEqual([after]);
    });
  });

  test("a question is shown as it was asked, and then with its answer", async () => {
    const { questions, clock, who } = asking();
    const question = {
      ...ASKED,
      sender: { channel: "mail" },
      run: "r1",
      step: "7",
      ttlMs: HOUR,
    };
    const asked = questions.ask(who, question);
    question.context.failing.push("changed later");
    const expected = {
      id: expect.any(String),
      identity: who,
      status: "pending",
      text: "Which branch?",
      context: { failing: ["next"] },
      choices: ["main", "next"],
      sender: { channel: "mail" },
      run: "r1",
      step: "7",
      askedAt: new Date(clock()),
      expiresAt: new Date(clock() + HOUR),
    };
    const { question: first, duplicate } = await asked;
    expect([first, duplicate]).toEqual([expected, false]);
    clock.forward(5);
    const answered = await questions.answer(who, first.id, { value: "next", by: "bob", token: "secret" });
    const answer = { value: "next", by: "bob", at: new Date(clock()) };
    expect(answered).toEqual({ ...expected, status: "answered", answer });
    expect(await questions.wait(who, first.id)).toEqual(answered);
    question.context.failing.pop();
    const { question: whole } = await questions.ask(who, { text: "x" });
    expect(whole.expiresAt.getTime() - whole.askedAt.getTime()).toBe(24 * HOUR);
  });

  test("a question gets more time from now on, and never less; waiters see it", async () => {
    const { questions, clock, who } = asking({ pollMs: 20 });
    await questions.ask(who, { ...ASKED, id: "q", ttlMs: HOUR });
    const waiting = questions.wait(who, "q");
    clock.forward(HOUR - 1);
    const longer = await questions.extend(who, "q", { by: "ann", ttlMs: 2 * HOUR, reason: "holiday" });
    const extension = { by: "ann", reason: "holiday", ttlMs: 2 * HOUR, at: new Date(clock()) };
    expect(longer).toMatchObject({ status: "pending", extension, expiresAt: new Date(clock() + 2 * HOUR) });
    const same = await questions.extend(who, "q", { by: "ann", ttlMs: 1 });
    expect(same).toMatchObject({ extension: { ttlMs: 1 }, expiresAt: longer.expiresAt });
    clock.forward(HOUR);
    const scope = maintenanceScope({ reason: "test", tenant: who.tenant });
    expect(await questions.expireOverdue(scope)).toBe(0);
    for (const where of [who, { tenant: who.tenant }])
      expect((await questions.list(where, { status: "pending" })).questions).toEqual([same]);
    await ACTIONS.answer(questions, who, "q");
    expect(await waiting).toMatchObject({ status: "answered", extension: { ttlMs: 1 } });
  });

  describe.each(["as they are", "as version 0.4 wrote them"])("questions, %s,", (form) => {
    /** Five questions of two users: `1` is the oldest. */
    async function five() {
      const { questions, clock, who: ann } = asking();
      const [elsewhere, bob] = [
        { ...ann, session: "s2" },
        { ...ann, user: "bob" },
      ];
      for (const [id, who, run] of [
        ["1", ann, "r1"],
        ["2", ann, "r2"],
        ["3", elsewhere, "r1"],
        ["4", bob, "r1"],
        ["5", ann, undefined],
      ] as const) {
        clock.forward(1);
        await questions.ask(who, { ...ASKED, id, ttlMs: HOUR, ...(run && { run }) });
      }
      const { tenant, user } = ann;
      const owners = [tenantIdentity(tenant), userIdentity(tenant, user), userIdentity(tenant, "bob")];
      for (const owner of form === "as they are" ? [] : [...owners, ann, elsewhere, bob])
        for (const { kind, bytes } of await opened.store.list(owner, "question.")) {
          if (kind.startsWith("question.id/")) await opened.store.delete(owner, kind);
          if (!/^question\.(tenant|user|session)\//.test(kind)) continue;
          const { groups: _, ...pointer } = JSON.parse(Buffer.from(bytes).toString());
          const written = Buffer.from(JSON.stringify(pointer));
          await opened.store.save({ eventId: newEventId(), identity: owner, kind, bytes: written });
        }
      const list = async (...given: Parameters<typeof questions.list>) =>
        (await questions.list(...given)).questions.map(({ id }) => id).join("");
      return { questions, clock, ann, elsewhere, bob, tenant, list };
    }

    test("are listed by run, and counted by status as lists show them", async () => {
      const { questions, clock, ann, elsewhere, bob, tenant, list } = await five();
      expect(await list({ tenant }, { run: "r1" })).toBe("431");
      expect(await list({ tenant, user: "ann" }, { run: "r1", order: "oldest" })).toBe("13");
      expect(await list(ann, { run: "r1" })).toBe("1");
      expect(await list({ tenant: `${tenant}2` }, { run: "r1" })).toBe("");
      await ACTIONS.answer(questions, bob, "4");
      await ACTIONS.cancel(questions, ann, "2");
      expect(await questions.count({ tenant })).toEqual({
        pending: 3,
        answered: 1,
        cancelled: 1,
        expired: 0,
      });
      expect(await questions.count({ tenant }, { status: "pending", run: "r1" })).toEqual({ pending: 2 });
      expect(await questions.count({ tenant, user: "ann" }, { status: "pending" })).toEqual({ pending: 3 });
      await opened.store.erase(elsewhere);
      expect(await questions.count({ tenant }, { status: "pending" })).toEqual({ pending: 2 });
      clock.forward(HOUR);
      const status = ["pending", "expired"] as const;
      expect(await questions.count(ann, { status })).toEqual({ pending: 0, expired: 2 });
    });

    test("are found by their id alone, and cancelled together", async () => {
      const { questions, ann, elsewhere, bob, tenant, list } = await five();
      expect(await questions.locate(tenant, "3")).toEqual([await questions.get(elsewhere, "3")]);
      expect(await questions.locate(`${tenant}2`, "3")).toEqual([]);
      const input = { by: "system", reason: "the session was closed" };
      expect(await questions.cancelAll(ann, { ...input, run: "r1" })).toBe(1);
      expect(await questions.get(ann, "1")).toMatchObject({ status: "cancelled", cancellation: input });
      await ACTIONS.answer(questions, ann, "2");
      expect(await questions.cancelAll(ann, input)).toBe(1);
      expect(await questions.cancelAll(ann, input)).toBe(0);
      expect(await list({ tenant }, { status: "pending" })).toBe("43");
      expect(await questions.cancelAll(bob, input)).toBe(1);
    });
  });

  test("a refusal names who was first, and not what was answered", async () => {
    const { questions, clock, who } = asking();
    await questions.ask(who, { ...ASKED, id: "q" });
    await ACTIONS.answer(questions, who, "q");
    const late = questions.answer(who, "q", { value: "none of them", by: "eve" });
    await expect(late).rejects.toMatchObject({ code: "ALREADY_ANSWERED" });
    const refusal: StateError<"ALREADY_ANSWERED"> = await late.catch((error) => error);
    expect(refusal.details).toEqual({ winner: { status: "answered", by: "bob", at: new Date(clock()) } });
    expect(`${refusal.message} ${JSON.stringify(refusal.details)}`).not.toContain("main");
  });

  test("of many answers at once one wins, and all others are told whose", async () => {
    const { questions, clock, who } = asking();
    await questions.ask(who, { text: "Who?", id: "q" });
    const answers = await Promise.allSettled(
      Array.from({ length: 20 }, (_, n) =>
        createQuestions(opened.store, { clock }).answer(who, "q", { value: n, by: `p${n}` }),
      ),
    );
    const { answer } = await questions.get(who, "q");
    expect(answers.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    for (const each of answers) {
      if (each.status === "fulfilled") expect(each.value.answer).toEqual(answer);
      else
        expect(each.reason).toMatchObject({
          code: "ALREADY_ANSWERED",
          details: { winner: { by: answer?.by } },
        });
    }
  });

  test("the same answer again gets the first one; another under its token is refused", async () => {
    const { questions, who } = asking({ schemas: SCHEMAS });
    await questions.ask(who, { text: "What?", schema: "deployment", id: "q" });
    const input = { value: { branch: "main" }, by: "bob", token: "t" };
    const answered = await questions.answer(who, "q", input);
    expect(answered.answer?.value).toEqual({ branch: "main", replicas: 1 });
    expect(await questions.answer(who, "q", input)).toEqual(answered);
    for (const other of [
      { ...input, value: { branch: "next" } },
      { ...input, by: "eve" },
      { ...input, token: "t2" },
      { value: { branch: "main" }, by: "bob" },
    ])
      await expect(questions.answer(who, "q", other)).rejects.toMatchObject({ code: "ALREADY_ANSWERED" });
    await questions.ask(who, { text: "What?", id: "c" });
    const cancelled = await questions.cancel(who, "c", { by: "ann", token: "t" });
    expect(await questions.cancel(who, "c", { by: "ann", token: "t" })).toEqual(cancelled);
    await expect(questions.cancel(who, "c", { by: "ann" })).rejects.toMatchObject({
      details: { winner: { status: "cancelled", by: "ann" } },
    });
    expect(JSON.stringify([answered, cancelled])).not.toContain("token");
  });

  test("an answer has to be one of the choices, or what the schema accepts; then the next may come", async () => {
    const { questions, clock, who } = asking({ schemas: SCHEMAS });
    await questions.ask(who, { ...ASKED, id: "choice" });
    await questions.ask(who, { text: "What?", schema: "deployment", id: "schema" });
    const before = await opened.store.list(who, "");
    for (const value of ["Main", "", 0, null, ["main"], { main: 1 }])
      await expect(questions.answer(who, "choice", { value: value as never, by: "b" })).rejects.toMatchObject(
        {
          code: "INVALID_RECORD",
          details: { field: "value" },
        },
      );
    for (const value of [{}, { branch: 1 }, { branch: "secret", replicas: 99 }, "secret"]) {
      const refusal = await questions.answer(who, "schema", { value, by: "b" }).catch((error) => error);
      expect(refusal).toMatchObject({ code: "INVALID_RECORD", details: { field: "value" } });
      expect(refusal.cause.name).toBe("SchemaMismatch");
      expect(`${refusal} ${refusal.cause}`).not.toContain("secret");
    }
    expect(await opened.store.list(who, "")).toEqual(before);
    await questions.answer(who, "choice", { value: "next", by: "b" });
    await questions.answer(who, "schema", { value: { branch: "main", replicas: 2 }, by: "b" });
    // A process without the schema shows the question, and cannot answer it.
    await questions.ask(who, { text: "What?", schema: "deployment", id: "other" });
    const without = createQuestions(opened.store, { clock });
    expect(await without.get(who, "other")).toMatchObject({ schema: "deployment" });
    await expect(without.answer(who, "other", { value: { branch: "x" }, by: "b" })).rejects.toMatchObject({
      code: "INVALID_RECORD",
      details: { field: "schemas" },
    });
  });

  test("an error of a schema's own is passed on, and one that answers later is waited for", async () => {
    const broken = new RangeError("not today");
    const validate = (value: unknown) =>
      value === 1 ? Promise.resolve({ value: "one" }) : Promise.reject(broken);
    const schemas = { own: { "~standard": { version: 1, vendor: "test", validate } } } as const;
    const { questions, who } = asking({ schemas });
    await questions.ask(who, { text: "?", schema: "own", id: "q" });
    await expect(questions.answer(who, "q", { value: 2, by: "b" })).rejects.toBe(broken);
    expect(await questions.answer(who, "q", { value: 1, by: "b" })).toMatchObject({
      answer: { value: "one" },
    });
  });

  describe("a schema that takes its time", () => {
    /** A schema that answers when it is told to. */
    function slow() {
      const asked: ((value: unknown) => void)[] = [];
      const validate = () =>
        new Promise<{ value: unknown }>((resolve) => asked.push((value) => resolve({ value })));
      const schemas = { slow: { "~standard": { version: 1, vendor: "test", validate } } } as const;
      const given = asking({ schemas, pollMs: 20 });
      const ask = (options = {}) =>
        given.questions.ask(given.who, { text: "?", schema: "slow", id: "q", ttlMs: HOUR, ...options });
      const answering = async (signal?: AbortSignal) => {
        const before = asked.length;
        const call = given.questions.answer(
          given.who,
          "q",
          { value: 1, by: "bob" },
          signal ? { signal } : {},
        );
        await vi.waitUntil(() => asked.length > before, { timeout: 30_000 });
        return { call, settle: asked.at(-1) as (value: unknown) => void };
      };
      return { ...given, ask, answering };
    }

    test("holds up nobody else: others answer, cancel, expire and sweep meanwhile", async () => {
      const { questions, who, clock, ask, answering } = slow();
      await ask();
      const abort = new AbortController();
      const { call: stuck } = await answering(abort.signal);
      const { call, settle } = await answering();
      settle("second");
      expect(await call).toMatchObject({ answer: { value: "second" } });
      const reason = new Error("enough");
      abort.abort(reason);
      await expect(stuck).rejects.toBe(reason);
      await questions.ask(who, { text: "?", schema: "slow", id: "overdue", ttlMs: HOUR });
      const late = questions.answer(who, "overdue", { value: 1, by: "bob" });
      late.catch(() => {});
      clock.forward(HOUR);
      const scope = maintenanceScope({ reason: "test", tenant: who.tenant });
      expect(await questions.expireOverdue(scope)).toBe(1);
    });

    test("may not outlast the question", async () => {
      const { questions, who, clock, ask, answering } = slow();
      await ask();
      const { call, settle } = await answering();
      clock.forward(HOUR);
      settle("late");
      await expect(call).rejects.toMatchObject({ code: "EXPIRED" });
      expect((await questions.get(who, "q")).answer).toBeUndefined();
    });

    test("has not judged a later question under the same id", async () => {
      const { questions, who, clock, ask, answering } = slow();
      await ask();
      const { call, settle } = await answering();
      const stored = await opened.store.list(who, "question");
      const records = stored.filter(({ kind }) => kind.endsWith("/q"));
      expect(records).toHaveLength(2);
      await opened.store.erase(who);
      clock.forward(1);
      // As it is asked again once the store has forgotten the id.
      for (const { identity, kind, bytes } of records) {
        const value = JSON.parse(Buffer.from(bytes).toString());
        const later = Buffer.from(JSON.stringify({ ...value, createdAt: clock() }));
        await opened.store.save({ eventId: newEventId(), identity, kind, bytes: later });
      }
      expect((await questions.get(who, "q")).status).toBe("pending");
      settle("late");
      await expect(call).rejects.toMatchObject({ code: "NOT_FOUND" });
      expect((await questions.get(who, "q")).status).toBe("pending");
    });
  });

  test("a schema that makes something new each time is not asked again by the same answer", async () => {
    let made = 0;
    const validate = (value: unknown) => {
      (value as { seen: number }).seen++;
      return { value: { ...(value as object), number: ++made } };
    };
    const schemas = { counted: { "~standard": { version: 1, vendor: "test", validate } } } as const;
    const { questions, who } = asking({ schemas });
    await questions.ask(who, { text: "?", schema: "counted", id: "q" });
    const input = { value: { seen: 0 }, by: "bob", token: "t" };
    const answered = await questions.answer(who, "q", input);
    expect(answered.answer).toMatchObject({ value: { seen: 1, number: 1 }, by: "bob" });
    expect(Object.keys(answered.answer ?? {}).sort()).toEqual(["at", "by", "value"]);
    expect(await questions.answer(who, "q", input)).toEqual(answered);
    // Not even a process that does not know the schema.
    expect(await createQuestions(opened.store).answer(who, "q", input)).toMatchObject({
      answer: answered.answer,
    });
    expect(await together(opened.store, (unit) => questions.in(unit).answer(who, "q", input))).toEqual(
      answered,
    );
    expect(made).toBe(1);
    await expect(questions.answer(who, "q", { ...input, value: { seen: 1 } })).rejects.toMatchObject({
      code: "ALREADY_ANSWERED",
    });
    // As version 0.4.0 stored it.
    const { bytes } = await opened.store.load(who, "question/q");
    const { answer, ...rest } = JSON.parse(Buffer.from(bytes).toString());
    const { given, ...older } = { ...answer, value: { branch: "main" } };
    expect(given).toEqual(expect.any(String));
    const written = Buffer.from(JSON.stringify({ ...rest, answer: older }));
    await opened.store.save({ eventId: newEventId(), identity: who, kind: "question/q", bytes: written });
    const same = {
      "~standard": { version: 1, vendor: "test", validate: (value: unknown) => ({ value }) },
    } as const;
    const plain = createQuestions(opened.store, { schemas: { counted: same } });
    expect(await plain.answer(who, "q", { ...input, value: { branch: "main" } })).toMatchObject({
      answer: { value: { branch: "main" } },
    });
    await expect(plain.answer(who, "q", { ...input, value: { branch: "next" } })).rejects.toMatchObject({
      code: "ALREADY_ANSWERED",
    });
  });

  test("a question that expires is marked once, and late answers stay refused", async () => {
    const { questions, clock, who } = asking({ pollMs: 20 });
    const scope = maintenanceScope({ reason: "test", tenant: who.tenant });
    await questions.ask(who, { ...ASKED, id: "q", ttlMs: HOUR });
    await questions.ask(who, { ...ASKED, id: "long", ttlMs: 9 * HOUR });
    const wait = questions.wait(who, "q");
    clock.forward(HOUR - 1);
    expect(await questions.expireOverdue(scope)).toBe(0);
    clock.forward(1);
    expect(await wait).toMatchObject({ status: "expired" });
    expect(await questions.expireOverdue(scope)).toBe(1);
    expect(await questions.expireOverdue(scope)).toBe(0);
    await expect(ACTIONS.answer(questions, who, "q")).rejects.toMatchObject({
      code: "EXPIRED",
      details: { expiresAt: new Date(clock()) },
    });
    clock.forward(5);
    const expired = await questions.expire(who, "long");
    expect(expired).toMatchObject({ status: "expired", expiresAt: new Date(clock()) });
    clock.forward(5);
    expect(await questions.expire(who, "long")).toEqual(expired);
  });

  test("in a unit an answer is given with everything else, or not at all", async () => {
    const { questions, who } = asking({ schemas: SCHEMAS });
    await questions.ask(who, { ...ASKED, id: "q" });
    const failure = new Error("no");
    const step = (fails: boolean) =>
      together(opened.store, async (unit) => {
        const { question } = await questions.in(unit).ask(who, { text: "Next?", id: "q2" });
        await questions.in(unit).extend(who, question.id, { by: "bob", ttlMs: HOUR, token: "t" });
        await questions.in(unit).answer(who, "q", { value: "main", by: "bob", token: "t" });
        await questions.in(unit).cancel(who, question.id, { by: "bob", token: "t" });
        if (fails) throw failure;
      });
    await expect(step(true)).rejects.toBe(failure);
    expect(await questions.find(who, "q2")).toBeUndefined();
    expect((await questions.list(who, { status: "pending" })).questions.map(({ id }) => id)).toEqual(["q"]);
    await step(false);
    await step(false);
    expect(await questions.get(who, "q")).toMatchObject({ status: "answered", answer: { value: "main" } });
    expect(await questions.get(who, "q2")).toMatchObject({ status: "cancelled" });
    expect((await questions.list({ tenant: who.tenant })).questions).toHaveLength(2);
    const late = together(opened.store, (unit) =>
      questions.in(unit).answer(who, "q", { value: "next", by: "e" }),
    );
    await expect(late).rejects.toMatchObject({ code: "ALREADY_ANSWERED" });
    const wrong = together(opened.store, (unit) => questions.in(unit).expire(who, "none"));
    await expect(wrong).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  test("a user's questions are forgotten, and nobody else's", async () => {
    const { questions, who } = asking();
    const bob = { ...who, user: "bob" };
    for (const owner of [who, { ...who, session: "s2" }, bob]) await questions.ask(owner, ASKED);
    await ACTIONS.answer(questions, who, (await questions.list(who)).questions[0]?.id as string);
    expect(await questions.forgetUser({ tenant: who.tenant, user: who.user })).toBe(2);
    expect((await questions.list({ tenant: who.tenant })).questions).toMatchObject([{ identity: bob }]);
    expect(await opened.store.list(who, "")).toEqual([]);
  });
});

onSharedStores((opened) => {
  test("what is pending survives a restart, and is answered after it", async () => {
    const who = newSession();
    const before = await openStore(opened.url);
    const { question } = await createQuestions(before).ask(who, ASKED);
    const { question: other } = await createQuestions(before).ask(who, ASKED);
    await ACTIONS.answer(createQuestions(before), who, other.id);
    await before.close();
    await using store = await openStore(opened.url);
    const questions = createQuestions(store);
    const scope = maintenanceScope({ reason: "restart", tenant: who.tenant });
    const found = [];
    for await (const each of questions.recover(scope)) found.push(each);
    expect(found).toEqual([question]);
    expect(await ACTIONS.answer(questions, who, question.id)).toMatchObject({ status: "answered" });
  });
});

test.each([
  ["schemas", { schemas: undefined }],
  ["schemas", { schemas: { a: {} } }],
  ["schemas", { schemas: { "": SCHEMAS.deployment } }],
  ["pollMs", { pollMs: 0 }],
  ["clock", { clock: 1 }],
  ["options", { schema: {} }],
])("the option %s is checked", async (field, options) => {
  await using store = await openStore("memory:");
  expect(() => createQuestions(store, options as never)).toThrow(
    expect.objectContaining({ code: "INVALID_RECORD", details: expect.objectContaining({ field }) }),
  );
});
