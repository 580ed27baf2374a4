import type { Contestant, Operation, Setting } from "../contestant.js";
import { open as openTyped } from "./typed-calls.js";

/** The operations, by how many sessions their calls are spread over. */
export const SESSIONS_OF = { "one session": 1, "64 sessions": 64 } as const;

/** The work of a wrapper in one session and in many, each in a store of its own. */
export async function open(setting: Setting): Promise<Contestant> {
  const works: [string, Contestant][] = [];
  for (const [name, records] of Object.entries(SESSIONS_OF))
    works.push([name, await openTyped({ ...setting, records })]);
  return {
    overlaps: true,
    settings: "",
    operations: Object.fromEntries(works.map(([name, work]) => [name, work.operations.call as Operation])),
    async check() {
      for (const [, work] of works) await work.check();
    },
    async close() {
      for (const [, work] of works) await work.close();
    },
  };
}
