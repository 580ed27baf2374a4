import { afterAll, beforeAll, describe, test } from "vitest";
import { isSoak, soak } from "../soak.js";
import { type DamagedStore, onMemory, onPostgres, onSqlite } from "./damaged-stores.js";
import { runCase } from "./row-case.js";
import {
  CONTENT_DAMAGES,
  DAMAGES,
  type Damage,
  NULL_DAMAGES,
  SQLITE_DAMAGES,
  UNTYPED_DAMAGES,
} from "./row-damage.js";
import { runCases, TIME_LIMIT_MS } from "./run-cases.js";
import { Tally } from "./tally.js";

/** How many cases there are of each kind of damage. */
const CASES = 1;

/** In a short run every fourth kind, and others on the other database. */
function some<Kinds extends Readonly<Record<string, Damage>>>(
  kinds: Kinds,
  rest: 0 | 1,
): Readonly<Record<string, Damage>> {
  return isSoak ? kinds : Object.fromEntries(Object.entries(kinds).filter((_, index) => index % 4 === rest));
}

const PLACES = {
  memory: { open: onMemory, damages: CONTENT_DAMAGES },
  sqlite: { open: () => onSqlite("typed"), damages: { ...some(DAMAGES, 0), ...SQLITE_DAMAGES } },
  "sqlite without types": { open: () => onSqlite("untyped"), damages: some(UNTYPED_DAMAGES, 0) },
  postgres: { open: () => onPostgres("required"), damages: some(DAMAGES, 1) },
  "postgres without NOT NULL": {
    open: () => onPostgres("nullable"),
    damages: some(NULL_DAMAGES, 1),
  },
};

describe.each(Object.entries(PLACES))("rows of %s", (place, { open, damages }) => {
  let damaged: DamagedStore;
  const tally = new Tally();

  beforeAll(async () => {
    damaged = await open();
  });
  afterAll(async () => {
    await damaged.clean();
    if (isSoak) console.log(`rows of ${place}: ${tally}`);
  });

  test.each(Object.entries<Damage>(damages))(
    "%s",
    async (name, damage) => {
      await runCases(name, CASES, async (choices) => {
        const noticed = await runCase(damaged, damage, choices);
        tally.count(name, noticed > 0 ? "noticed" : "not noticed");
      });
    },
    soak(TIME_LIMIT_MS),
  );
});
