import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { Options, SectionName } from "./cli.js";
import { DataFolder } from "./data-folder.js";
import { FilledDatabases } from "./filled-databases.js";
import { FULL, QUICK } from "./plan.js";
import { type BenchPostgres, openBenchPostgres } from "./postgres-server.js";
import { drawing } from "./report/drawing.js";
import { withoutPlaces } from "./report/places.js";
import { report } from "./report/report.js";
import { type Findings, noFindings } from "./results.js";
import type { Context, Section } from "./section.js";
import { artifacts } from "./sections/artifacts.js";
import { burst } from "./sections/burst.js";
import { checkpoints } from "./sections/checkpoints.js";
import { checks } from "./sections/checks.js";
import { commits } from "./sections/commits.js";
import { growth } from "./sections/growth.js";
import { idMemory } from "./sections/id-memory.js";
import { langgraph } from "./sections/langgraph.js";
import { ledger } from "./sections/ledger.js";
import { memories } from "./sections/memories.js";
import { memory } from "./sections/memory.js";
import { neighbours } from "./sections/neighbours.js";
import { opening } from "./sections/opening.js";
import { overwrites } from "./sections/overwrites.js";
import { postgres } from "./sections/postgres.js";
import { replaces } from "./sections/replaces.js";
import { retention } from "./sections/retention.js";
import { runs } from "./sections/runs.js";
import { scans } from "./sections/scans.js";
import { sharedTenant } from "./sections/shared-tenant.js";
import { slowDisk } from "./sections/slow-disk.js";
import { slowNetwork } from "./sections/slow-network.js";
import { sqlite } from "./sections/sqlite.js";
import { stalls } from "./sections/stalls.js";
import { tenants } from "./sections/tenants.js";
import { typed } from "./sections/typed.js";
import { values } from "./sections/values.js";
import { watch } from "./sections/watch.js";

const RUN: Readonly<Record<SectionName, Section>> = {
  sqlite,
  postgres,
  memory,
  commits,
  checks,
  tenants,
  "id-memory": idMemory,
  opening,
  scans,
  growth,
  "slow-disk": slowDisk,
  "slow-network": slowNetwork,
  overwrites,
  burst,
  stalls,
  neighbours,
  watch,
  ledger,
  typed,
  runs,
  checkpoints,
  values,
  memories,
  artifacts,
  "shared-tenant": sharedTenant,
  replaces,
  retention,
  langgraph,
};

const RESULTS = fileURLToPath(new URL("../RESULTS.md", import.meta.url));
const INTERRUPTED = 130;

/** Runs the sections and reports; the code to exit with. */
export async function runBench(options: Options): Promise<number> {
  const started = Date.now();
  const data = new DataFolder(process.env.GROUNDSTATE_BENCH_DATA);
  process.once("exit", () => data.remove());
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(INTERRUPTED));
  const server = new LazyServer();
  const findings = noFindings();
  const context = contextOf(options, data, server, findings, started);
  await runSections(options.sections, context);
  findFailedEntrants(findings);
  await server.finish(findings);
  const text = withoutPlaces(report(findings, { options, dataFolder: data.path, ms: Date.now() - started }));
  console.log(text);
  write(options, text, findings);
  for (const { what, why } of findings.failed) console.error(withoutPlaces(`failed: ${what}: ${why}`));
  return findings.failed.length === 0 ? 0 : 1;
}

function contextOf(
  options: Options,
  data: DataFolder,
  server: LazyServer,
  findings: Findings,
  started: number,
): Context {
  const folder = (name: string): string => data.folder(name);
  const postgres = (): Promise<BenchPostgres> => server.get();
  const filled = new FilledDatabases(folder, postgres);
  return {
    plan: options.quick ? QUICK : FULL,
    findings,
    folder,
    postgres,
    filled: (driver, records) => filled.get(driver, records),
    say: (line) =>
      console.error(`${String(Math.round((Date.now() - started) / 1_000)).padStart(5)} s  ${line}`),
  };
}

/** What fails does not stop the rest. */
async function runSections(sections: readonly SectionName[], context: Context): Promise<void> {
  for (const name of sections) {
    try {
      await RUN[name](context);
    } catch (error) {
      context.findings.failed.push({
        what: name,
        why: error instanceof Error ? error.message : String(error),
      });
    }
  }
}

function findFailedEntrants({ races, failed }: Findings): void {
  for (const { title, entrants } of races) {
    for (const { name, failed: why } of entrants) {
      if (why !== undefined) failed.push({ what: `${title}: ${name}`, why });
    }
  }
}

/** The Postgres server, started when it is first asked for. */
class LazyServer {
  #server: Promise<BenchPostgres> | undefined;

  get(): Promise<BenchPostgres> {
    this.#server ??= openBenchPostgres(process.env.GROUNDSTATE_BENCH_POSTGRES);
    return this.#server;
  }

  /** Notes what it ran at, and ends it. One that did not start has been noted by whoever asked for it. */
  async finish({ settings, failed }: Findings): Promise<void> {
    const server = await this.#server?.catch(() => undefined);
    if (server === undefined) return;
    for (const [name, value] of server.settings) settings.set(name, value);
    try {
      await server.stop();
    } catch (error) {
      failed.push({ what: "ending the Postgres server", why: (error as Error).message });
    }
  }
}

function write({ out, drawing: file }: Options, text: string, findings: Findings): void {
  if (out !== undefined) writeFileSync(out === "default" ? RESULTS : whereCalled(out.file), text);
  if (file !== undefined) writeFileSync(whereCalled(file), drawing(findings));
}

/** npm runs scripts in the folder of their package and says here where it was called. */
function whereCalled(file: string): string {
  return resolve(process.env.INIT_CWD ?? "", file);
}
