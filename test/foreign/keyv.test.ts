import keyvTestSuite, { keyvIteratorTests } from "@keyv/test-suite";
import Keyv from "keyv";
import * as vitest from "vitest";
import { newSession, onEveryStore } from "../typed/stores.js";
import { KeySpace } from "./key-space.js";
import { StateKeyv } from "./state-keyv.js";

onEveryStore((opened) => {
  const session = newSession();
  const adapter = () => new StateKeyv(new KeySpace(opened.store, session));
  keyvTestSuite(vitest, Keyv, adapter);
  keyvIteratorTests(vitest, Keyv, adapter);
});
