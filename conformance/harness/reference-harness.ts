import { createStore, type Driver } from "../../src/index.js";
import type { Harness } from "./case.js";
import { ReferenceDriver, ReferenceSpace } from "./reference-driver.js";

/** A harness over drivers that keep their spaces in this process: what is closed can be opened again. */
export function inProcess(name: string, makeDriver: (space: ReferenceSpace) => Driver): Harness {
  const spaces = new Map<string, ReferenceSpace>();
  return {
    name,
    durable: true,
    async open(name, options) {
      const space = spaces.get(name) ?? new ReferenceSpace();
      spaces.set(name, space);
      return createStore(makeDriver(space), options);
    },
    async destroy(name) {
      spaces.delete(name);
    },
  };
}

/** The reference driver's harness: correct, in memory, and outlived by its data. */
export const referenceHarness: Harness = inProcess("the reference", (space) => new ReferenceDriver(space));
