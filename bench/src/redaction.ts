/**
 * What redaction costs: appends of 1 KiB to a session, with and without it, in turns. Prints the appends per second and the
 * CPU time of an append of both, and the ratios, each the median of the rounds. On a busy machine believe the CPU time.
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

interface Figures {
  readonly perSecond: number;
  /** Of all threads of the process, for an append. */
  readonly cpuMicroseconds: number;
}

async function append(store: StateStore, callers: number, isRedacted: boolean): Promise<Figures> {
  const sessions = createSessions(store, isRedacted ? { redact: redacting() } : {});
  const { session } = await sessions.create({ tenant: "acme", user: "ada" });
  const [started, cpu] = [performance.now(), process.cpuUsage()];
  const work = async () => {
    for (let left = APPENDS / callers; left > 0; left--)
      await sessions.append(session.identity, { value: { role: "tool", text: TEXT } });
  };
  await Promise.all(Array.from({ length: callers }, work));
  const { user, system } = process.cpuUsage(cpu);
  return {
    perSecond: (1_000 * APPENDS) / (performance.now() - started),
    cpuMicroseconds: (user + system) / APPENDS,
  };
}

const folder = mkdtempSync(join(tmpdir(), "groundstate-redaction-"));
for (const [name, url] of [
  ["memory", "memory:"],
  ["SQLite", `sqlite:${join(folder, "state.db")}`],
] as const) {
  const store = await openStore(url);
  for (const callers of [1, 64]) {
    const figures = { plain: [] as Figures[], redacted: [] as Figures[] };
    for (let round = -2; round < ROUNDS; round++) {
      const order = round % 2 === 0 ? (["plain", "redacted"] as const) : (["redacted", "plain"] as const);
      for (const which of order) {
        const measured = await append(store, callers, which === "redacted");
        // The first rounds warm up.
        if (round >= 0) figures[which].push(measured);
      }
    }
    const line = (name: keyof Figures) => {
      const [plain, redacted] = [figures.plain, figures.redacted].map((each) => each.map((one) => one[name]));
      const ratio = medianRatio(redacted as number[], plain as number[]);
      return `${Math.round(median(plain as number[]))}, redacted ${Math.round(median(redacted as number[]))}, ratio ${ratio.toFixed(2)}`;
    };
    console.log(
      `${name}, ${callers} callers: per second ${line("perSecond")}; CPU microseconds ${line("cpuMicroseconds")}`,
    );
  }
  await store.close();
}
rmSync(folder, { recursive: true, force: true });
