import type { StoredRecord } from "../../src/contract/driver.js";
import type { Choices } from "./choices.js";
import type { DamagedStore } from "./damaged-stores.js";
import { Expected } from "./expected.js";
import type { Population } from "./population.js";
import { readBriefly, readEverything } from "./read-everything.js";
import type { Damage } from "./row-damage.js";
import { ATTEMPTS, attempt } from "./write-over.js";

/**
 * Damages what is stored, reads everything, writes over it, reads everything again and puts it back. How many records
 * were read as CORRUPT; throws where anything is not as expected.
 */
export async function runCase(
  { store, rows, population }: DamagedStore,
  damage: Damage,
  choices: Choices,
): Promise<number> {
  const acknowledged = new Map(population.current);
  try {
    await rows.edit(damage(await rows.read(), choices));
    const expected = new Expected(await rows.read(), acknowledged);
    const noticed = await readEverything(store, expected, population);
    const target = targetOf(expected, population, choices);
    const name = choices.one(ATTEMPTS);
    const given = { store, rows, expected, population, acknowledged, target, choices };
    await within(`${name} over it`, () => attempt(name, given));
    await within(`after ${name}`, async () => {
      await readBriefly(store, new Expected(await rows.read(), acknowledged), population);
    });
    return noticed;
  } finally {
    await rows.restore();
  }
}

/** A slot that the damage shows in, if there is one. */
function targetOf(expected: Expected, { current }: Population, choices: Choices): StoredRecord {
  const all = [...current.values()];
  const damaged = all.filter((record) => expected.find(record).is !== "record");
  return choices.one(damaged.length > 0 ? damaged : all);
}

async function within(where: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    throw new Error(`${where}: ${String(error)}`, { cause: error });
  }
}
