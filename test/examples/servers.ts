import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import net, { type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** A server of a test's own, with its data in a folder of its own. */
export interface Server {
  readonly port: number;
  /** Kills it, and starts it again on the same data. */
  restart(): Promise<void>;
  /** Ends it and removes the data. */
  stop(): Promise<void>;
}

/** How a server is started. */
interface Program {
  /** The name of its file. */
  readonly file: string;
  /** Debian's package that has it. */
  readonly of: string;
  /** Makes the data of a new folder. */
  prepare?(folder: string): void;
  args(folder: string, port: number): readonly string[];
}

const REDIS: Program = {
  file: "redis-server",
  of: "redis-server",
  args: (folder, port) =>
    ["--port", port, "--bind", "127.0.0.1", "--dir", folder, "--save", ""]
      .concat("--appendonly", "yes", "--appendfsync", "always")
      .map(String),
};

/** As `mariadbd` begins: text is equal without case, and in Latin 1. */
const MARIADB: Program = {
  file: "mariadbd",
  of: "mariadb-server-core",
  prepare: (folder) => {
    const args = ["--auth-root-authentication-method=normal", "--skip-test-db", ...mariaArgs(folder)];
    execFileSync(programOf("mariadb-install-db", "mariadb-server-core"), ["--no-defaults", ...args], {
      stdio: "pipe",
    });
  },
  args: (folder, port) => [
    "--no-defaults",
    ...mariaArgs(folder),
    `--socket=${join(folder, "s")}`,
    `--pid-file=${join(folder, "pid")}`,
    `--port=${port}`,
    "--bind-address=127.0.0.1",
    "--max-allowed-packet=64M",
  ],
};

const STARTS_WITHIN_MS = 60_000;
const INSTALL_MS = 180_000;

export function startRedis(): Promise<Server> {
  return start(REDIS);
}

export function startMariaDb(): Promise<Server> {
  return start(MARIADB);
}

async function start(program: Program): Promise<Server> {
  const file = programOf(program.file, program.of);
  const folder = await mkdtemp(join(tmpdir(), "gs-server-"));
  program.prepare?.(folder);
  const port = await freePort();
  const run = () => running(file, program.args(folder, port), port);
  let child = await run();
  return {
    port,
    async restart() {
      await end(child);
      child = await run();
    },
    async stop() {
      await end(child);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function running(file: string, args: readonly string[], port: number): Promise<ChildProcess> {
  const child = spawn(file, args, { stdio: "ignore" });
  process.once("exit", () => child.kill("SIGKILL"));
  for (const until = Date.now() + STARTS_WITHIN_MS; Date.now() < until; await sleep(50)) {
    if (child.exitCode !== null) throw new Error(`${file} ended with ${child.exitCode}`);
    if (await answers(port)) return child;
  }
  child.kill("SIGKILL");
  throw new Error(`${file} has not started within ${STARTS_WITHIN_MS} ms`);
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
}

/** The program of this machine. One that is missing is installed, where this process may do so. */
function programOf(name: string, packageName: string): string {
  if (find(name) === undefined) install(packageName);
  const found = find(name);
  if (found === undefined) throw new Error(`the tests need ${name}: apt-get install -y ${packageName}`);
  return found;
}

function find(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin"];
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function install(packageName: string): void {
  if (process.getuid?.() !== 0 || find("apt-get") === undefined) return;
  const apt = (...args: string[]) =>
    execFileSync("apt-get", ["-qq", "-o", "DPkg::Lock::Timeout=120", ...args], {
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
      stdio: "pipe",
      timeout: INSTALL_MS,
    });
  try {
    apt("update");
    apt("install", "-y", "--no-install-recommends", packageName);
  } catch {
    // The test says what it needs.
  }
}

function mariaArgs(folder: string): string[] {
  return [`--datadir=${join(folder, "data")}`, ...(process.getuid?.() === 0 ? ["--user=root"] : [])];
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
