import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Round } from "./contestant.js";
import {
  type Client,
  COLUMNS,
  connect,
  createTable,
  fillTable,
  PLACE,
  UPDATED,
} from "./contestants/postgres-table.js";
import { childrenCpu } from "./cpu-time.js";
import type { Entrant, Racer } from "./entrant.js";
import { randomPayloads } from "./random.js";
import { findProgram, postgresFolders, runProgram, searchPath } from "./run-program.js";
import { KINDS, NAMES, OFFSET, SLOTS, TENANTS } from "./slots.js";
import { percentile } from "./statistics.js";

export interface PgbenchOptions {
  readonly name: string;
  readonly program: string;
  readonly url: string;
  readonly folder: string;
  readonly payloadBytes: number;
  /** How long it works once it is connected. */
  readonly seconds: (callers: number) => number;
}

/** A random slot of the race, and its names as `slotAt` makes them. */
const DRAW = `
\\set slot random(0, ${SLOTS - 1})
\\set run :slot / ${KINDS}
\\set kind :slot % ${KINDS}
\\set tenant ${OFFSET.tenant} + :run % ${TENANTS}
\\set user ${OFFSET.user} + :run
\\set session ${OFFSET.session} + :run
`;
const SLOT = [
  `'${NAMES.tenant}' || :tenant::int`,
  `'${NAMES.user}' || :user::int`,
  `'${NAMES.session}' || :session::int`,
  `'${NAMES.run}' || :session::int`,
  `'${NAMES.kind}' || :kind::int`,
] as const;

const THREADS = 2;
/** What a connection takes, in seconds, until a first round has told better. */
const CONNECTING = 0.008;
/** The share of transactions whose latency is written down. */
const LOGGED = 0.1;

export function findPgbench(): string | undefined {
  return findProgram(["pgbench"], [...searchPath(), ...postgresFolders()]);
}

export async function pgbenchVersion(program: string): Promise<string> {
  return (await runProgram(program, ["--version"])).trim();
}

/** The benchmark that comes with Postgres, with prepared statements over the same address as everybody else. */
export function pgbench(options: PgbenchOptions): Entrant {
  return { name: options.name, start: () => startPgbench(options) };
}

async function startPgbench(options: PgbenchOptions): Promise<Racer> {
  const { url, folder, payloadBytes } = options;
  const client = connect(url, 1);
  const connecting = new Map<number, number>();
  const table = `pgbench_${payloadBytes}`;
  const [payload] = randomPayloads(1, payloadBytes, payloadBytes) as [Buffer];
  await createTable(client, table);
  await fillTable(client, table, Buffer.alloc(payloadBytes));
  await writeFile(join(folder, "save.sql"), saveScript(table));
  await writeFile(join(folder, "load.sql"), loadScript(table));
  return {
    settings: `-M prepared, as many connections as callers, ${THREADS} threads`,
    operations: ["save", "load"],
    async round(operation, callers) {
      // It counts the time it takes to connect in what it is given, and not in what it says of its speed.
      const seconds = Math.ceil(options.seconds(callers) + (connecting.get(callers) ?? callers * CONNECTING));
      const { took, ...round } = await runRound(options, { operation, callers, seconds, payload });
      connecting.set(callers, took);
      return round;
    },
    async check() {
      await checkTable(client, table, payload);
      return undefined;
    },
    close: () => client.end({ timeout: 5 }),
  };
}

function saveScript(table: string): string {
  return `${DRAW}
INSERT INTO ${table} (${COLUMNS}) VALUES (${SLOT.join(", ")}, 0, 0, :payload::bytea)
ON CONFLICT (${PLACE}) DO UPDATE SET ${UPDATED};`;
}

function loadScript(table: string): string {
  const [tenant, user, session, run, kind] = SLOT;
  return `${DRAW}
SELECT version, updated_at, bytes FROM ${table}
WHERE tenant = ${tenant} AND usr = ${user} AND session = ${session} AND run = ${run} AND kind = ${kind};`;
}

interface RoundPlan {
  readonly operation: string;
  readonly callers: number;
  readonly seconds: number;
  readonly payload: Buffer;
}

async function runRound(
  { program, url, folder }: PgbenchOptions,
  { operation, callers, seconds, payload }: RoundPlan,
): Promise<Round & { readonly took: number }> {
  const logs = await mkdtemp(join(folder, "logs-"));
  const address = new URL(url);
  const cpu = childrenCpu();
  const printed = await runProgram(
    program,
    [
      ...["--host", address.hostname, "--port", address.port || "5432"],
      ...["--username", decodeURIComponent(address.username)],
      ...["--no-vacuum", "--protocol", "prepared", "--file", join(folder, `${operation}.sql`)],
      ...["--define", `payload=\\x${payload.toString("hex")}`],
      ...["--client", String(callers), "--jobs", String(Math.min(THREADS, callers))],
      ...["--time", String(seconds)],
      ...["--log", "--log-prefix", join(logs, "log"), "--sampling-rate", String(LOGGED)],
      address.pathname.slice(1),
    ],
    { env: { PGPASSWORD: decodeURIComponent(address.password) } },
  );
  const perSecond = Number(/^tps = ([\d.]+)/m.exec(printed)?.[1]);
  const count = Number(/^number of transactions actually processed: (\d+)/m.exec(printed)?.[1]);
  if (!(perSecond > 0 && count > 0)) throw new Error("pgbench did not say how many transactions it finished");
  const speed = { perSecond, count, clientCpu: (childrenCpu() - cpu) / count };
  const took = Number(/^initial connection time = ([\d.]+) ms/m.exec(printed)?.[1] ?? 0) / 1_000;
  const latencies = await readLatencies(logs);
  await rm(logs, { recursive: true });
  if (latencies.length === 0) return { ...speed, took };
  return { ...speed, took, p50: percentile(latencies, 0.5), p99: percentile(latencies, 0.99) };
}

/** In microseconds, sorted: the third column of its log. */
async function readLatencies(logs: string): Promise<number[]> {
  const texts = await Promise.all((await readdir(logs)).map((name) => readFile(join(logs, name), "utf8")));
  const lines = texts.flatMap((text) => text.trim().split("\n"));
  return lines
    .map((line) => Number(line.split(" ")[2]))
    .filter((latency) => latency > 0)
    .sort((a, b) => a - b);
}

/** It draws slots at random, so that not every one of them was saved again; but none may have been added. */
async function checkTable(client: Client, table: string, payload: Buffer): Promise<void> {
  const [row] = await client.unsafe(
    `SELECT count(*) AS slots, count(*) FILTER (WHERE bytes = $1::bytea) AS saved FROM ${table}`,
    [payload],
  );
  if (Number(row?.slots) !== SLOTS) throw new Error(`pgbench left ${row?.slots} slots instead of ${SLOTS}`);
  if (Number(row?.saved) < SLOTS / 4) throw new Error(`pgbench saved into ${row?.saved} slots only`);
}
