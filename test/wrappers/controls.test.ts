import { expect, test } from "vitest";
import { newEventId, openStore } from "../../src/index.js";
import "../../drivers/index.js";
import { TASKS, type Tasks } from "../lifecycle/tasks.js";
import type { TestStore } from "../typed/stores.js";
import { checkBadCall } from "./bad-input.js";
import { checkDamagedRecords } from "./damaged-record.js";
import { checkErasedSession, checkLateRetry } from "./erased-session.js";
import { checkHostileIds, checkHostileOwners } from "./hostile-names.js";
import { checkLostAnswers, checkRepeats } from "./lost-answers.js";
import { checkOtherIdentities } from "./other-identities.js";
import type { WrapperTable } from "./wrapper.js";

type Table = WrapperTable<Tasks>;
type Check = (opened: Pick<TestStore, "store">, table: Table) => Promise<void>;

/** As a wrapper has it whose key leaves out the user. */
const withoutUser: Table = {
  ...TASKS,
  make: (tasks, who, id) => tasks.add({ ...who, user: "all" }, id),
  find: (tasks, who, id) => TASKS.find(tasks, { ...who, user: "all" }, id),
};
const swallowing: Table = {
  ...TASKS,
  methods: { ...TASKS.methods, drop: (tasks, who, id) => tasks.drop(who, id).catch(() => {}) },
};
const answering: Table = { ...TASKS, absent: { drop: [async () => true, false] } };
const unswept: Table = { ...TASKS, sweep: async () => {} };
const newEachTime: Table = {
  ...TASKS,
  make: (tasks, who) => tasks.add(who, newEventId()),
  walk: {
    ...TASKS.walk,
    add: (tasks, who, id) => Promise.all([tasks.add(who, id), tasks.add(who, newEventId())]),
  },
};
const withoutToken: Table = {
  ...TASKS,
  walk: { add: TASKS.make, take: (tasks, who, id) => tasks.take(who, id, "ann") },
};
const forgetsCase: Table = {
  ...TASKS,
  make: (tasks, who, id) => tasks.add(who, id.toLowerCase()),
  find: (tasks, who, id) => TASKS.find(tasks, who, id.toLowerCase()),
};
const trimsSessions: Table = {
  ...TASKS,
  make: (tasks, who, id) => tasks.add({ ...who, session: who.session.trim() || "s" }, id),
  listed: (tasks, where) =>
    TASKS.listed(tasks, "session" in where ? { ...where, session: where.session.trim() || "s" } : where),
};

test.each<[string, Check, Table]>([
  ["sees another user's record", checkOtherIdentities, withoutUser],
  ["accepts a record that does not exist", checkOtherIdentities, swallowing],
  ["accepts a damaged record", checkDamagedRecords, swallowing],
  ["accepts a record of an erased session", checkErasedSession, swallowing],
  ["leaves what points at erased sessions", checkErasedSession, unswept],
  ["answers about what does not exist", checkOtherIdentities, answering],
  ["makes an erased record again", checkLateRetry, newEachTime],
  ["makes a record twice", checkLostAnswers, newEachTime],
  ["refuses the same call again", checkRepeats, withoutToken],
  ["makes ids equal", checkHostileIds, forgetsCase],
  ["makes sessions equal", checkHostileOwners, trimsSessions],
  [
    "accepts a wrong call",
    (opened, table) => checkBadCall(opened, table, ["id", "", (tasks, who) => tasks.add(who, "fine")]),
    TASKS,
  ],
])("a wrapper that %s is found out", async (_, check, broken) => {
  await using store = await openStore("memory:");
  await expect(check({ store }, broken)).rejects.toThrow();
});

test.each<[string, Check]>([
  ["other identities", checkOtherIdentities],
  ["damaged records", checkDamagedRecords],
  ["erased sessions", checkErasedSession],
  ["late retries", checkLateRetry],
  ["lost answers", checkLostAnswers],
  ["repeats", checkRepeats],
  ["hostile ids", checkHostileIds],
  ["hostile owners", checkHostileOwners],
])("a right one passes the check of %s", async (_, check) => {
  await using store = await openStore("memory:");
  await check({ store }, TASKS);
});
