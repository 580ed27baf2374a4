import { createStore, type Driver, type StoredRecord, slotKey } from "../../src/index.js";
import type { Harness } from "./case.js";
import { ReferenceDriver, ReferenceSpace } from "./reference-driver.js";

/** The fingerprint of a record that was damaged: that of no record. */
export const DAMAGED = "damaged".padEnd(43, "!");

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
    async damage(name, { identity, kind }) {
      const records = spaces.get(name)?.records ?? new Map<string, StoredRecord>();
      const slot = slotKey({ run: "", ...identity, kind });
      for (const [key, record] of records)
        if (slotKey(record) === slot) records.set(key, { ...record, fingerprint: DAMAGED });
    },
  };
}

/** The reference driver's harness: correct, in memory, and outlived by its data. */
export const referenceHarness: Harness = inProcess("the reference", (space) => new ReferenceDriver(space));
