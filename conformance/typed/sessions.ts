import assert from "node:assert/strict";
import { newEventId, type SessionIdentity, type StateStore } from "../../src/index.js";
import { createSessions } from "../../src/sessions/index.js";
import { assertDuplicate, refused } from "../assertions/expect.js";
import type { ConformanceCase } from "../harness/case.js";
import { anotherMillisecond, assertOneWinner, ROUNDS, severalOf, severalStores } from "./several.js";

const EVENTS_EACH = 12;

/** What sessions promise, as far as it depends on the store. */
export const sessionCases: readonly ConformanceCase[] = [
  {
    id: "sessions/append-in-order",
    rule: "Events that several stores append to one session at once get numbers without gap or double, each store's in its order.",
    needs: "durable",
    async run(context) {
      const identity = context.identity();
      const wrappers = await severalOf(context, createSessions);
      const [first] = wrappers;
      await first.create(identity);
      await Promise.all(
        wrappers.map(async (sessions, writer) => {
          for (let turn = 0; turn < EVENTS_EACH; turn++)
            await sessions.append(identity, { value: { writer, turn } });
        }),
      );
      const entries = await first.read(identity);
      const total = wrappers.length * EVENTS_EACH;
      assert.deepEqual(
        entries.map(({ number }) => number),
        Array.from({ length: total }, (_, index) => index + 1),
        "numbers",
      );
      const values = entries.map(({ value }) => value as { writer: number; turn: number });
      for (const writer of wrappers.keys()) {
        const turns = values.filter((value) => value.writer === writer).map(({ turn }) => turn);
        assert.deepEqual(
          turns,
          Array.from({ length: EVENTS_EACH }, (_, turn) => turn),
          "a store's events",
        );
      }
    },
  },
  {
    id: "sessions/append-once",
    rule: "An event that is appended again with its id, after others were appended, is a duplicate with the number it had.",
    async run({ store, identity }) {
      const sessions = createSessions(store);
      const owner = identity();
      await sessions.create(owner);
      const event = { id: newEventId(), value: { text: "once" } };
      const first = await sessions.append(owner, event);
      await sessions.append(owner, { value: { text: "later" } });
      const again = await sessions.append(owner, event);
      assertDuplicate(again, "the event appended again");
      assert.deepEqual(again.numbers, first.numbers, "its number");
      assert.equal((await sessions.read(owner)).length, 2, "events");
    },
  },
  {
    id: "sessions/create-once",
    rule: "Of stores that create the same session at once, one creates it.",
    needs: "durable",
    async run(context) {
      const stores = await severalStores(context);
      for (let round = 0; round < ROUNDS; round++) {
        const owner = context.identity();
        const outcomes = await Promise.allSettled(
          stores.map((store, index) => createSessions(store).create(owner, { metadata: { by: index } })),
        );
        const winner = assertOneWinner(outcomes, "ALREADY_EXISTS", "creations");
        const { metadata } = await createSessions(context.store).get(owner);
        assert.deepEqual(metadata, { by: winner }, "metadata");
      }
    },
  },
  {
    id: "sessions/listed-by-last-touch",
    rule: "A user's sessions are listed last touched first, page by page, each once, and no other user's.",
    async run({ store, tenant }) {
      const sessions = createSessions(store);
      const user = { tenant: tenant(), user: "user" };
      const names = ["s-1", "s-2", "s-3", "s-4", "s-5"];
      for (const session of names) {
        await sessions.create({ ...user, session });
        await anotherMillisecond();
      }
      await sessions.create({ ...user, user: "user-2", session: "other" });
      await sessions.touch({ ...user, session: "s-2" });
      const seen: string[] = [];
      for (let after: string | undefined, pages = 0; pages === 0 || after !== undefined; pages++) {
        const page = await sessions.list(user, { limit: 2, after });
        seen.push(...page.sessions.map(({ identity }) => identity.session));
        after = page.next;
        assert.ok(pages < names.length, "pages end");
      }
      assert.deepEqual(seen, ["s-2", "s-5", "s-4", "s-3", "s-1"], "order");
    },
  },
  {
    id: "sessions/listed-by-last-event",
    rule: "By last event, sessions are listed oldest first, page by page, each once, whatever else touched them since.",
    async run({ store, tenant }) {
      const sessions = createSessions(store);
      const user = { tenant: tenant(), user: "user" };
      const names = ["s-1", "s-2", "s-3", "s-4"];
      for (const session of names) {
        await sessions.create({ ...user, session });
        await anotherMillisecond();
      }
      for (const session of ["s-3", "s-1", "s-4"]) {
        await sessions.append({ ...user, session }, { value: 1 });
        await anotherMillisecond();
      }
      await sessions.touch({ ...user, session: "s-2" });
      const seen: string[] = [];
      for (let after: string | undefined, pages = 0; pages === 0 || after !== undefined; pages++) {
        const options = { orderBy: "lastEventAt", order: "oldest", limit: 2, after } as const;
        const page = await sessions.list(user, options);
        seen.push(...page.sessions.map(({ identity }) => identity.session));
        after = page.next;
        assert.ok(pages < names.length, "pages end");
      }
      assert.deepEqual(seen, ["s-2", "s-3", "s-1", "s-4"], "order");
    },
  },
  {
    id: "sessions/listed-by-field",
    rule: "A tenant's sessions are listed by a field of their metadata as it was changed last by any store, and no other tenant's.",
    needs: "durable",
    async run(context) {
      const owner = { tenant: context.tenant(), user: "user" };
      const other = { tenant: context.tenant(), user: "user" };
      const create = (store: StateStore) => createSessions(store, { fields: ["team"] });
      const [first, second, third] = await severalOf(context, create);
      for (const user of ["a", "b", "c"])
        await first.create({ ...owner, user, session: "s" }, { metadata: { team: "red" } });
      await first.create({ ...other, session: "s" }, { metadata: { team: "blue" } });
      const change = () => ({ team: "blue" });
      for (const sessions of [second, third])
        await sessions.changeMetadata({ ...owner, user: "b", session: "s" }, change);
      await second.delete({ ...owner, user: "c", session: "s" });
      for (const [team, users] of [
        ["red", ["a"]],
        ["blue", ["b"]],
      ] as const) {
        const { sessions } = await third.list({ tenant: owner.tenant }, { metadata: { team } });
        assert.deepEqual(
          sessions.map(({ identity }) => identity.user),
          users,
          `users of team ${team}`,
        );
        assert.equal(await third.count({ tenant: owner.tenant }, { metadata: { team } }), users.length, team);
      }
    },
  },
  {
    id: "sessions/delete-leaves-nothing",
    rule: "A deleted session is gone with its events, state and place in the list, and its neighbour is not.",
    async run({ store, tenant }) {
      const sessions = createSessions(store);
      const user = { tenant: tenant(), user: "user" };
      const [gone, kept] = ["s", "s2"].map((session) => ({ ...user, session })) as [
        SessionIdentity,
        SessionIdentity,
      ];
      for (const owner of [gone, kept]) {
        await sessions.create(owner);
        await sessions.append(owner, [{ value: 1 }, { value: 2 }]);
        await sessions.sessionState(owner).set("key", "value");
      }
      assert.equal(await sessions.delete(gone), true, "there was a session");
      await refused("NOT_FOUND", "get after delete", () => sessions.get(gone));
      assert.deepEqual(await store.list(gone, ""), [], "records left of the session");
      const { sessions: listed } = await sessions.list(user);
      assert.deepEqual(
        listed.map(({ identity }) => identity.session),
        ["s2"],
        "sessions listed",
      );
      assert.equal((await sessions.read(kept)).length, 2, "events of the neighbour");
      assert.equal(await sessions.sessionState(kept).get("key"), "value", "state of the neighbour");
    },
  },
  {
    id: "sessions/fork-is-whole",
    rule: "Stores that fork one session to one name at once make one fork with all of its events, and the source stays as it was.",
    needs: "durable",
    async run(context) {
      const source = context.identity();
      const wrappers = await severalOf(context, createSessions);
      const [first] = wrappers;
      await first.create(source);
      for (let batch = 0; batch < 3; batch++)
        await first.append(
          source,
          Array.from({ length: EVENTS_EACH }, (_, index) => ({ id: newEventId(), value: { batch, index } })),
        );
      await first.sessionState(source).set("key", "value");
      const before = await first.read(source);
      for (let round = 0; round < ROUNDS; round++) {
        const to = { ...source, session: `${source.session}-fork-${round}` };
        const made = await Promise.all(wrappers.map((sessions) => sessions.fork(source, to)));
        assert.equal(made.filter(({ duplicate }) => !duplicate).length, 1, "forks that were made");
        assert.deepEqual(await first.read(to), before, "events of the fork");
        assert.equal(await first.sessionState(to).get("key"), "value", "state of the fork");
      }
      assert.deepEqual(await first.read(source), before, "events of the source");
      assert.equal(await first.sessionState(source).get("key"), "value", "state of the source");
    },
  },
  {
    id: "sessions/import-is-whole",
    rule: "Stores that import the lines of one session at once make one session, whose export has the same lines, times included.",
    needs: "durable",
    async run(context) {
      const source = context.identity();
      const wrappers = await severalOf(context, createSessions);
      const [first] = wrappers;
      await first.create(source, { metadata: { title: "source" } });
      await first.append(source, [{ id: "e-1", value: 1 }, { value: 2 }, { id: "e-3", value: 3 }]);
      await first.redact(source, 2, { by: "by", reason: "reason" });
      await first.sessionState(source).set("key", "value");
      await anotherMillisecond();
      const linesOf = async (identity: SessionIdentity) => {
        const lines: string[] = [];
        for await (const line of first.export(identity)) lines.push(line);
        // The first one names the identity.
        return lines.slice(1);
      };
      const lines: string[] = [];
      for await (const line of first.export(source)) lines.push(line);
      for (let round = 0; round < ROUNDS; round++) {
        const to = context.identity();
        const made = await Promise.all(wrappers.map((sessions) => sessions.import(to, lines)));
        assert.equal(made.filter(({ duplicate }) => !duplicate).length, 1, "imports that made it");
        assert.deepEqual(await linesOf(to), lines.slice(1), "lines");
      }
    },
  },
];
