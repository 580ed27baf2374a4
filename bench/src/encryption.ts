/**
 * What sealing costs: saves of 256 bytes, with and without it, in turns. Prints the saves per second of both and their ratio, the
 * median of the rounds. A URL of a database as the argument adds Postgres.
 */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import "../../dist/drivers/index.js";
import { newEventId, openStore, type StateStore } from "../../dist/src/index.js";
import { encrypting, retrying } from "../../dist/src/layers/index.js";
import { median, medianRatio } from "./statistics.js";

const ROUNDS = 15;
const SAVES = 2_048;
const bytes = randomBytes(256);

async function savesPerSecond(store: StateStore, callers: number): Promise<number> {
  const started = performance.now();
  const work = async (_: unknown, caller: number) => {
    const identity = { tenant: `t${caller % 8}`, user: "ada", session: `s${caller}` };
    for (let n = 0; n < SAVES / callers; n++)
      await store.save({ eventId: newEventId(), identity, kind: `k${n % 16}`, bytes });
  };
  await Promise.all(Array.from({ length: callers }, work));
  return (1_000 * SAVES) / (performance.now() - started);
}

const folder = mkdtempSync(join(tmpdir(), "groundstate-encryption-"));
const [url] = process.argv.slice(2);
for (const per of ["tenant", "session"] as const)
  for (const driver of url === undefined ? (["sqlite"] as const) : (["sqlite", "postgres"] as const)) {
    const open = (which: "plain" | "sealed") => {
      const place =
        driver === "sqlite"
          ? { path: join(folder, `${which}-${per}.db`) }
          : { url, schema: `${which}_${per}` };
      const keys = { current: { name: "bench", key: randomBytes(32) } };
      const layers = which === "sealed" ? [retrying(), encrypting({ keys, per })] : [retrying()];
      return openStore({ driver, ...place, layers });
    };
    const stores = { plain: await open("plain"), sealed: await open("sealed") };
    for (const callers of [1, 64]) {
      const rates = { plain: [] as number[], sealed: [] as number[] };
      for (let round = -2; round < ROUNDS; round++) {
        const order = round % 2 === 0 ? (["plain", "sealed"] as const) : (["sealed", "plain"] as const);
        for (const which of order) {
          const rate = await savesPerSecond(stores[which], callers);
          // The first rounds warm up.
          if (round >= 0) rates[which].push(rate);
        }
      }
      const [plain, sealed] = [rates.plain, rates.sealed].map((each) => Math.round(median(each)));
      const ratio = medianRatio(rates.sealed, rates.plain).toFixed(2);
      console.log(
        `${driver}, ${callers} callers, a key per ${per}: ${plain}/s, sealed ${sealed}/s, ratio ${ratio}`,
      );
    }
    for (const store of Object.values(stores)) await store.close();
  }
rmSync(folder, { recursive: true, force: true });
