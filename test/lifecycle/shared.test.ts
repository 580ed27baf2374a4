import { onEveryStore } from "../typed/stores.js";
import { testDamagedRecords } from "../wrappers/damaged-record.js";
import { testErasedSessions } from "../wrappers/erased-session.js";
import { testHostileNames } from "../wrappers/hostile-names.js";
import { testLostAnswers } from "../wrappers/lost-answers.js";
import { testOtherIdentities } from "../wrappers/other-identities.js";
import { TASKS } from "./tasks.js";

onEveryStore((opened) => {
  testOtherIdentities(opened, TASKS);
  testErasedSessions(opened, TASKS);
  testDamagedRecords(opened, TASKS);
  testLostAnswers(opened, TASKS);
  testHostileNames(opened, TASKS);
});
