import type { Contestant, Operation, Setting } from "../contestant.js";
import { BARE_SAVES, RECORD_USAGE } from "../typed-work/index.js";
import { open as openTyped } from "./typed-calls.js";

/** Bare saves and calls of a ledger, each in a store that several processes share. Who counts the calls of all checks them. */
export async function open(setting: Setting): Promise<Contestant> {
  const works: [string, Contestant][] = [];
  for (const variant of [BARE_SAVES, RECORD_USAGE])
    works.push([variant, await openTyped({ ...setting, variant })]);
  return {
    overlaps: true,
    settings: "",
    operations: Object.fromEntries(works.map(([name, work]) => [name, work.operations.call as Operation])),
    async check() {},
    async close() {
      for (const [, work] of works) await work.close();
    },
  };
}
