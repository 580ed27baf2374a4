import { once } from "node:events";
import { createInterface } from "node:readline";
import { expect, test } from "vitest";
import { failOnUncaughtErrors, migratedDatabase, startProcess } from "../drivers/postgres-rig.js";
import { withDice } from "../random.js";
import { soak } from "../soak.js";
import { report } from "./figures.js";
import { Load, nothing } from "./load.js";
import { openOn } from "./postgres-store.js";
import { Accounts } from "./work/accounts.js";
import { everyRecord, sessionOf } from "./work/records.js";

failOnUncaughtErrors();

const KILLS = soak(2);

/** Transfers between the accounts that others use too, with a receipt in two more sessions; says which were acknowledged. */
const CLIENT = `
  import { isStateError, newEventId, openStore } from "groundstate";
  import "groundstate/drivers";
  const store = await openStore(args.url);
  const bytes = Buffer.alloc(0);
  const owner = (session) => ({ tenant: "acme", user: "ann", session });
  const save = (session, kind, version, condition) =>
    ({ op: "save", record: { eventId: newEventId(), identity: owner(session), kind, version, bytes }, ...condition });
  async function transferOn(caller) {
    for (let n = 0; ; n++) {
      const from = (caller + n) % 8;
      const kinds = [from, (from + 1 + n % 7) % 8].map((account) => "account/" + account);
      const [source, target] = await Promise.all(kinds.map((kind) => store.load(owner("accounts"), kind)));
      const receipt = args.name + "/" + caller + "/" + n;
      const changes = [
        save("accounts", kinds[0], source.version - 1, { expect: source.eventId }),
        save("accounts", kinds[1], target.version + 1, { expect: target.eventId }),
        save("given", receipt, 0),
        save("taken", receipt, 0),
      ];
      try {
        await store.commit(changes);
        console.log(receipt);
      } catch (error) {
        if (!isStateError(error, "CONDITION_FAILED")) throw error;
      }
    }
  }
  for (let caller = 0; caller < 32; caller++) transferOn(caller);
`;

test(
  "a client that is killed in the middle of its load tears nothing, loses nothing, and holds nobody up",
  {
    timeout: soak(120_000),
  },
  () =>
    withDice(async (random) => {
      const url = await migratedDatabase();
      const store = await openOn(url);
      const load = await Load.start([store], [new Accounts()], { callers: 8, random });
      const acknowledged: string[] = [];
      for (let kills = 0; kills < KILLS; kills++) {
        acknowledged.push(...(await killedAfter(1 + random.below(100), `${kills}`, url)));
        await load.progress();
      }
      await load.stop();

      expect(await load.audit(store)).toEqual(nothing());
      const [given, taken] = await Promise.all(
        ["given", "taken"].map(async (each) =>
          (await everyRecord(store, sessionOf(each))).map(({ kind }) => kind),
        ),
      );
      expect(given).toEqual(taken);
      expect(acknowledged.filter((receipt) => !given?.includes(receipt))).toEqual([]);
      expect(acknowledged.length).toBeGreaterThanOrEqual(KILLS);
      report("killed clients", { kills: KILLS, acknowledged: acknowledged.length, receipts: given?.length });
    }),
);

/** What a client said was acknowledged until it was killed. */
async function killedAfter(count: number, name: string, url: string): Promise<string[]> {
  const child = startProcess(CLIENT, { url, name });
  const said: string[] = [];
  createInterface({ input: child.stdout }).on("line", (line) => {
    said.push(line);
    if (said.length === count) child.kill("SIGKILL");
  });
  const [, signal] = await once(child, "close");
  expect(signal).toBe("SIGKILL");
  return said;
}
