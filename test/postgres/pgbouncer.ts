import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants } from "node:fs";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import net, { type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";

/** A PgBouncer in transaction mode before one database. */
export interface PgBouncer {
  /** As that of the database, through the pooler. */
  readonly url: string;
  /** Kills it and starts another in its place, which cuts off all connections. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

const INSTALL = "the tests need PgBouncer, as it is in Debian and others: apt-get install -y pgbouncer";
/** PgBouncer refuses to run as root. */
const UNPRIVILEGED = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};

/** Starts one from the machine's own package; `settings` as in pgbouncer.ini. */
export async function startPgBouncer(
  target: string,
  settings: Readonly<Record<string, string | number>> = {},
): Promise<PgBouncer> {
  const program = findProgram();
  const folder = await mkdtemp(join(tmpdir(), "gs-pgbouncer-"));
  await chmod(folder, 0o755);
  const port = await freePort();
  const config = join(folder, "pgbouncer.ini");
  await writeFile(config, configuration(new URL(target), port, settings));
  let running = await start(program, config);
  const url = new URL(target);
  url.port = String(port);
  url.password = "";
  return {
    url: url.href,
    async restart() {
      await end(running);
      running = await start(program, config);
    },
    async stop() {
      await end(running);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function configuration(
  target: URL,
  port: number,
  settings: Readonly<Record<string, string | number>>,
): string {
  const { hostname, port: serverPort, username, password, pathname } = target;
  const all = {
    listen_addr: "127.0.0.1",
    listen_port: port,
    unix_socket_dir: "",
    auth_type: "any",
    pool_mode: "transaction",
    default_pool_size: 4,
    server_login_retry: 1,
    ...settings,
  };
  const login = `user=${username} password=${password} dbname=${pathname.slice(1)}`;
  return [
    "[databases]",
    `${pathname.slice(1)} = host=${hostname} port=${serverPort} ${login}`,
    "[pgbouncer]",
    ...Object.entries(all).map(([name, value]) => `${name} = ${value}`),
    "",
  ].join("\n");
}

function findProgram(): string {
  for (const folder of [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/usr/local/sbin"]) {
    try {
      accessSync(join(folder, "pgbouncer"), constants.X_OK);
      return join(folder, "pgbouncer");
    } catch {
      // Not here.
    }
  }
  throw new Error(INSTALL);
}

async function start(program: string, config: string): Promise<ChildProcess> {
  const child = spawn(program, [config], { ...UNPRIVILEGED, stdio: ["ignore", "ignore", "pipe"] });
  let log = "";
  await new Promise<void>((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", () => reject(new Error(`PgBouncer ended: ${log}`)));
    child.stderr.on("data", (text: Buffer) => {
      log += text;
      if (log.includes("process up")) resolve();
    });
  });
  return child;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill("SIGKILL");
  await gone;
}

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
