import { runJob } from "../child-process.js";
import { forked } from "../entrant.js";
import { bytesOf, callAt, QUESTIONS } from "../ledger-year.js";
import { ENTRANT } from "../names.js";
import { race } from "../race.js";
import type { LedgerMemory } from "../results.js";
import { type Context, type Filled, serverCpu } from "../section.js";

const DRIVERS = ["sqlite", "postgres"] as const;
const LONGEST_MS = 20 * 60_000;
/** Of all calls alike. */
const ENTRY_BYTES = bytesOf(callAt(0, 1)).length;

/** A year of a tenant's model calls: recorded, summarized, and how much memory that takes. */
export async function ledger(context: Context): Promise<void> {
  const { ledger: entries } = context.plan;
  for (const driver of DRIVERS) {
    const name = driver === "sqlite" ? "SQLite" : "Postgres";
    const server = driver === "postgres" ? { url: (await context.postgres()).url } : {};
    const filled = (records: number): Filled => ({
      folder: context.folder(`ledger-${driver}-${records}`),
      records,
      ...server,
    });
    const tenth = filled(entries / 10);
    const whole = filled(entries);
    for (const each of [tenth, whole]) await fill(context, each, name);
    await raceAnswers(context, whole, name);
    for (const each of [tenth, whole]) await measureMemory(context, each, name);
    await raceRecording(context, { ...whole, folder: context.folder(`recording-${driver}`) }, name);
  }
}

export function ledgerTitle(driver: string, entries: number): string {
  return `Ledger, ${driver}, ${entries} entries`;
}

async function fill({ findings, say }: Context, filled: Filled, driver: string): Promise<void> {
  say(`ledger: recording ${filled.records} entries on ${driver}`);
  findings.ledgerFills.push(await runJob("fill-ledger", filled, LONGEST_MS));
}

async function raceAnswers(context: Context, filled: Filled, driver: string): Promise<void> {
  const { plan, findings, say } = context;
  const setting = { ...filled, payloadBytes: ENTRY_BYTES };
  findings.races.push(
    await race(
      {
        section: "ledger",
        title: ledgerTitle(driver, filled.records),
        payloadBytes: ENTRY_BYTES,
        reference: ENTRANT.readEntries,
        entrants: [
          forked(ENTRANT.readEntries, "ledger-entries", setting),
          forked(ENTRANT.summaries, "ledger-summaries", setting),
        ],
        operations: Object.keys(QUESTIONS),
        callers: [1],
        rounds: plan.rounds,
        ms: plan.ms,
        ...(await serverCpu(context, filled.url)),
      },
      say,
    ),
  );
}

async function measureMemory({ findings, say }: Context, filled: Filled, driver: string): Promise<void> {
  for (const how of ["summaries", "all entries at once"] satisfies LedgerMemory["how"][]) {
    say(`ledger: memory of ${how}, ${filled.records} entries on ${driver}`);
    findings.ledgerMemory.push(await runJob("ledger-memory", { filled, how }, LONGEST_MS));
  }
}

async function raceRecording(context: Context, filled: Filled, driver: string): Promise<void> {
  const { plan, findings, say } = context;
  const setting = { ...filled, payloadBytes: ENTRY_BYTES };
  findings.races.push(
    await race(
      {
        section: "ledger",
        title: `Recording in a ledger, ${driver}, ${ENTRY_BYTES} bytes`,
        payloadBytes: ENTRY_BYTES,
        reference: ENTRANT.bareSaves,
        entrants: [
          forked(ENTRANT.bareSaves, "recording-saves", setting),
          forked(ENTRANT.record, "recording-ledger", setting),
        ],
        operations: ["record"],
        callers: [1, 64],
        rounds: plan.rounds,
        ms: plan.ms,
        ...(await serverCpu(context, filled.url)),
      },
      say,
    ),
  );
}
