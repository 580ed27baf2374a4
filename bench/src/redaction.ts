/**
 * What redaction costs: appends of 1 KiB to a session, with and without it, in turns. Prints the appends per second of both
 * and their ratio, the median of the rounds.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import "../../dist/drivers/index.js";
import { openStore, type StateStore } from "../../dist/src/index.js";
import { redacting } from "../../dist/src/layers/index.js";
import { createSessions } from "../../dist/src/sessions/index.js";
import { median, medianRatio } from "./statistics.js";

const ROUNDS = 15;
const APPENDS = 512;
const PROSE =
  "The quick brown fox has 12 tasks, paid 4.50 to ada@example.org, and reads https://example.com/a?b=1 twice. ";
const TEXT = PROSE.repeat(10).slice(0, 1_000);

async function appendsPerSecond(store: StateStore, callers: number, isRedacted: boolean): Promise<number> {
  const sessions = createSessions(store, isRedacted ? { redact: redacting() } : {});
  const { session } = await sessions.create({ tenant: "acme", user: "ada" });
  const started = performance.now();
  const work = async () => {
    for (let left = APPENDS / callers; left > 0; left--)
      await sessions.append(session.identity, { value: { role: "tool", text: TEXT } });
  };
  await Promise.all(Array.from({ length: callers }, work));
  return (1_000 * APPENDS) / (performance.now() - started);
}

const folder = mkdtempSync(join(tmpdir(), "groundstate-redaction-"));
for (const [name, url] of [
  ["memory", "memory:"],
  ["SQLite", `sqlite:${join(folder, "state.db")}`],
] as const) {
  const store = await openStore(url);
  for (const callers of [1, 64]) {
    const rates = { plain: [] as number[], redacted: [] as number[] };
    for (let round = -2; round < ROUNDS; round++) {
      const order = round % 2 === 0 ? (["plain", "redacted"] as const) : (["redacted", "plain"] as const);
      for (const which of order) {
        const rate = await appendsPerSecond(store, callers, which === "redacted");
        // The first rounds warm up.
        if (round >= 0) rates[which].push(rate);
      }
    }
    const [plain, redacted] = [rates.plain, rates.redacted].map((each) => Math.round(median(each)));
    const ratio = medianRatio(rates.redacted, rates.plain).toFixed(2);
    console.log(`${name}, ${callers} callers: ${plain}/s, redacted ${redacted}/s, ratio ${ratio}`);
  }
  await store.close();
}
rmSync(folder, { recursive: true, force: true });
