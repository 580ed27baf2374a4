import postgres from "postgres";
import { startPostgres } from "../../test/postgres/server.js";
import { familyCpu, parentOf } from "./cpu-time.js";

/** A database on a real server, for this run alone. */
export interface BenchPostgres {
  /** The address of the database. */
  readonly url: string;
  /** What the server runs at, read back from it. */
  readonly settings: ReadonlyMap<string, string>;
  /** The CPU time that all its processes have used so far, in microseconds; `undefined` if it cannot be read. */
  cpu(): number | undefined;
  /** Drops the database, and ends the server if the bench started it. */
  stop(): Promise<void>;
}

/** As many clients as `pgbench` has at most, and some for everybody else. */
const SERVER = { max_connections: 700, shared_buffers: "512MB", max_wal_size: "4GB" };

const SHOWN = [
  "server_version",
  "synchronous_commit",
  "fsync",
  "full_page_writes",
  "wal_sync_method",
  "shared_buffers",
  "max_wal_size",
  "max_connections",
];

/** On the server at this address, or on one of its own, with this in its environment. */
export async function openBenchPostgres(
  given: string | undefined,
  env: Readonly<Record<string, string>> = {},
): Promise<BenchPostgres> {
  const server =
    given === undefined
      ? await startPostgres({ durable: true, settings: SERVER, env })
      : { url: given, stop: undefined };
  const name = `groundstate_bench_${process.pid}`;
  const admin = postgres(server.url, { max: 1, fetch_types: false, onnotice() {} });
  try {
    await admin.unsafe(`CREATE DATABASE ${name}`);
    const settings = new Map<string, string>();
    for (const setting of SHOWN) {
      const [row] = await admin.unsafe(`SHOW ${setting}`);
      settings.set(setting, String(row?.[setting]));
    }
    const url = databaseOf(server.url, name);
    const postmaster = await findPostmaster(url, name);
    return {
      url,
      settings,
      cpu: () => (postmaster === undefined ? undefined : familyCpu(postmaster)),
      async stop() {
        await admin.unsafe(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
        await admin.end({ timeout: 5 });
        await awake(server.stop?.());
      },
    };
  } catch (error) {
    await admin.end({ timeout: 0 });
    await server.stop?.();
    throw error;
  }
}

/** The server's first process, if it runs on this machine: the parent of a backend, whose title has the database's name. */
async function findPostmaster(url: string, database: string): Promise<number | undefined> {
  const client = postgres(url, { max: 1, fetch_types: false, onnotice() {} });
  try {
    const [row] = await client.unsafe("SELECT pg_backend_pid() AS pid");
    return parentOf(Number(row?.pid), database);
  } finally {
    await client.end({ timeout: 5 });
  }
}

/** The process that owns the server does not keep this one alive, which would end before it is told. */
async function awake(work: Promise<void> | undefined): Promise<void> {
  const timer = setInterval(() => {}, 1_000);
  await work;
  clearInterval(timer);
}

function databaseOf(url: string, name: string): string {
  const address = new URL(url);
  address.pathname = `/${name}`;
  return address.href;
}
