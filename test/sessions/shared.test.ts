import { describe } from "vitest";
import { inMemory, onEveryStore, onSharedStores } from "../typed/stores.js";
import { testBadInput } from "../wrappers/bad-input.js";
import { testDamagedRecords } from "../wrappers/damaged-record.js";
import { testErasedSessions } from "../wrappers/erased-session.js";
import { testHostileNames } from "../wrappers/hostile-names.js";
import { testLostAnswers } from "../wrappers/lost-answers.js";
import { testOtherIdentities } from "../wrappers/other-identities.js";
import { testProcesses } from "../wrappers/processes.js";
import { SESSIONS } from "./table.js";

onEveryStore((opened) => {
  testOtherIdentities(opened, SESSIONS);
  testErasedSessions(opened, SESSIONS);
  testDamagedRecords(opened, SESSIONS);
  testLostAnswers(opened, SESSIONS);
  describe("bad input", () => {
    testBadInput(opened, SESSIONS, [
      ["run", "create", (sessions, who) => sessions.create({ ...who, run: "r" } as never)],
      ["identity", "create", (sessions, who) => sessions.create({ ...who, kind: "k" } as never)],
      ["session", "the state of a user", (sessions, who) => sessions.create({ ...who, session: "~" })],
      ["metadata", "a list", (sessions, who) => sessions.create(who, { metadata: [] as never })],
      ["eventId", "too long", (sessions, who) => sessions.create(who, { eventId: "e".repeat(106) })],
      ["options", "touch", (sessions, who) => sessions.touch(who, { singal: 1 } as never)],
      ["limit", "list", (sessions, { tenant, user }) => sessions.list({ tenant, user }, { limit: 0 })],
      [
        "status",
        "list",
        (sessions, { tenant, user }) => sessions.list({ tenant, user }, { status: "x" as never }),
      ],
      ["upTo", "saveSummary", (sessions, who) => sessions.saveSummary(who, { upTo: 0, value: 1 })],
    ]);
  });
});

inMemory((opened) => {
  testHostileNames(opened, SESSIONS);
});

onSharedStores((opened) => {
  testProcesses(opened, SESSIONS, {
    processes: 3,
    setUp: `
      import { createSessions } from "groundstate/sessions";
      const sessions = createSessions(store);
      const at = (session) => ({ ...who, session });
    `,
    make: `sessions.create(at(id), { eventId: "created" })`,
    change: `sessions.append(at(id), { id: "e", value: by })`,
    lostWith: "IDEMPOTENCY_CONFLICT",
  });
});
