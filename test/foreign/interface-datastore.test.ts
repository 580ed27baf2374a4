import { afterAll, afterEach, beforeAll, beforeEach, describe, it } from "vitest";
import { newSession, onEveryStore } from "../typed/stores.js";
import { KeySpace } from "./key-space.js";
import { StateDatastore } from "./state-datastore.js";

// The suite is written for mocha. Its one use of a test's context gives a test more time.
const context = { timeout() {} };
const mochaIt = (name: string, test: () => unknown) => it(name, async () => void (await test.call(context)));
Object.assign(globalThis, {
  describe,
  it: mochaIt,
  before: beforeAll,
  after: afterAll,
  beforeEach,
  afterEach,
});
const { interfaceDatastoreTests } = await import("interface-datastore-tests");

onEveryStore((opened) => {
  const spaces = new WeakMap<StateDatastore, KeySpace>();
  interfaceDatastoreTests({
    setup() {
      const space = new KeySpace(opened.store, newSession());
      const datastore = new StateDatastore(space);
      spaces.set(datastore, space);
      return datastore;
    },
    teardown: (datastore: StateDatastore) => spaces.get(datastore)?.erase(),
  });
});
