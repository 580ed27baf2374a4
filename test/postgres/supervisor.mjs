/**
 * Owns one Postgres server and its folder. It is a process of its own so that both are gone when whoever asked for
 * them ends, however it ends: the channel to the parent closes even when the parent is killed.
 *
 * The server is a copy of the npm package's binaries: a clone may be closed to the user that a root process has to
 * lower to, and npm may have been told not to run the script that makes the package's symbolic links.
 */
import { spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { accessSync, constants, cpSync, existsSync, readFileSync, statSync } from "node:fs";
import { chmod, cp, lchown, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join, relative, resolve, sep } from "node:path";
import postgres from "postgres";

const READY = /ready to accept (read-only )?connections/;
const PORT_TAKEN = "could not bind";
const START_ATTEMPTS = 5;
const WAIT_MS = 60_000;
const KILL_AFTER_MS = 5_000;
/** A socket's path may have about 100 bytes, and its own name has 20. */
const LONGEST_FOLDER = 60;
/** Where a server keeps its data as they were when it was new. */
const TEMPLATE = "template";

const { native, settings, durable, env = {}, primary, template, keepTemplate } = JSON.parse(process.argv[2]);
const commands = { start, crash, stop, freeze, thaw };
const password = template?.password ?? randomBytes(12).toString("hex");
/** Whom the server runs as, where that is not who runs this. */
let account = {};
let folder;
let port;
/** The program that runs, or ran last, and what it wrote. */
let child;
let log = "";

process.on("disconnect", stop);
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, stop);
process.on("message", ({ command, id }) => answer(id, commands[command]));
const prepared = prepare();
await answer(0, () => prepared);

async function answer(id, work) {
  try {
    await work();
    send({ id, folder, port, password });
  } catch (error) {
    send({ id, failed: error.message });
  }
}

function send(message) {
  if (process.connected) process.send(message);
}

async function prepare() {
  account = lowerAccount();
  folder = await mkdtemp(join(openFolder(), "postgres-"));
  if (template === undefined) await copyBinaries();
  await writeFile(join(folder, "password"), password);
  if (primary !== undefined) await copyOf(primary);
  else if (template !== undefined) copyData(join(template.folder, TEMPLATE), join(folder, "data"));
  await giveAway();
  if (template !== undefined) await symlink(join(template.folder, "native"), join(folder, "native"));
  if (!existsSync(join(folder, "data"))) await initdb();
  if (keepTemplate) copyData(join(folder, "data"), join(folder, TEMPLATE));
  await start();
}

/** Far quicker than `initdb`, and than the same calls without blocking, of which there are thousands. */
function copyData(from, to) {
  cpSync(from, to, { recursive: true });
}

/** A place for the folder that the lowered account can reach. */
function openFolder() {
  const place = [tmpdir(), "/tmp", "/var/tmp"].find(isOpen);
  if (place === undefined) throw new Error("no temporary folder that other users may enter");
  return place;
}

function isOpen(path) {
  if (process.platform === "win32") return true;
  if (path.length > LONGEST_FOLDER) return false;
  try {
    accessSync(path, constants.W_OK);
    return account.uid === undefined || ancestors(path).every((each) => (statSync(each).mode & 0o001) !== 0);
  } catch {
    return false;
  }
}

function ancestors(path) {
  const above = dirname(path);
  return above === path ? [path] : [path, ...ancestors(above)];
}

async function copyBinaries() {
  const copy = join(folder, "native");
  await cp(native, copy, { recursive: true, verbatimSymlinks: true, filter: (path) => !path.endsWith(".a") });
  const bin = join(copy, "bin");
  for (const name of await readdir(bin)) await chmod(join(bin, name), 0o755);
  for (const { source, target } of await symlinks()) await link(join(folder, source), join(folder, target));
}

async function symlinks() {
  try {
    return JSON.parse(await readFile(join(native, "pg-symlinks.json"), "utf8"));
  } catch (error) {
    if (error.code === "ENOENT") return [];
    throw error;
  }
}

async function link(source, target) {
  if (!resolve(target).startsWith(folder + sep)) throw new Error("a symbolic link that leaves the package");
  try {
    await symlink(relative(dirname(target), source), target);
  } catch (error) {
    if (error.code !== "EEXIST") throw error;
  }
}

/** Its default collation is not by bytes, as on most servers: a driver that relies on the default shows it here. */
async function initdb() {
  const options = ["-U", "postgres", "--auth-local=trust", "--auth-host=scram-sha-256"];
  const locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=icu", "--icu-locale=en-US"];
  const files = ["-D", join(folder, "data"), `--pwfile=${join(folder, "password")}`];
  run("initdb", [...files, ...options, ...locale, ...(durable ? [] : ["--no-sync"])]);
  const code = await ended();
  if (code !== 0) throw new Error(`initdb ended with ${code}: ${log}`);
}

/** As pg_basebackup does, which is not among the binaries. https://www.postgresql.org/docs/current/continuous-archiving.html */
async function copyOf({ folder: source, url, host, port: from, user, password: secret }) {
  const sql = postgres(url, { max: 1, fetch_types: false, onnotice() {} });
  try {
    await sql`SELECT pg_backup_start('standby', true)`;
    const data = join(folder, "data");
    await cp(join(source, "data"), data, {
      recursive: true,
      filter: (path) => !path.includes("postmaster."),
    });
    const [{ labelfile }] = await sql`SELECT labelfile FROM pg_backup_stop(false)`;
    await writeFile(join(data, "backup_label"), labelfile);
    await writeFile(join(data, "standby.signal"), "");
    const way = `host=${host} port=${from} user=${user} password=${secret}`;
    await writeFile(join(data, "postgresql.auto.conf"), `primary_conninfo = '${way}'\n`);
    await chmod(data, 0o700);
  } finally {
    await sql.end({ timeout: 1 });
  }
}

/** Starts the server on its data, on the port it had before if it ran before. */
async function start() {
  if (isRunning()) return;
  for (let attempt = 1; ; attempt++) {
    const wanted = port ?? (await freePort());
    log = "";
    run("postgres", ["-D", join(folder, "data"), ...configuration(wanted)], env);
    if (await isReady()) {
      port = wanted;
      return;
    }
    await kill("SIGQUIT");
    if (attempt === START_ATTEMPTS || !log.includes(PORT_TAKEN))
      throw new Error(`postgres did not start: ${log}`);
  }
}

function configuration(wanted) {
  const fast = { fsync: "off", full_page_writes: "off" };
  const all = {
    port: wanted,
    listen_addresses: "127.0.0.1",
    unix_socket_directories: process.platform === "win32" ? "" : folder,
    max_connections: 200,
    ...(durable ? {} : fast),
    ...settings,
  };
  return Object.entries(all).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
}

function isReady() {
  return new Promise((settle) => {
    child.stderr.on("data", () => READY.test(log) && settle(true));
    child.once("close", () => settle(false));
    setTimeout(settle, WAIT_MS, false).unref();
  });
}

async function crash() {
  await kill("SIGQUIT");
}

/** Stops every process of it where it is. Connections are still accepted, by the kernel, and nothing is answered. */
function freeze() {
  signalAll("SIGSTOP");
}

function thaw() {
  signalAll("SIGCONT");
}

/** The first one first: it makes the others. */
function signalAll(signal) {
  signalOne(child.pid, signal);
  const { stdout } = spawnSync("ps", ["-A", "-o", "pid=,ppid="], { encoding: "utf8" });
  for (const line of stdout.split("\n")) {
    const [pid, parent] = line.trim().split(/\s+/).map(Number);
    if (parent === child.pid) signalOne(pid, signal);
  }
}

/** Some have ended by themselves since they were listed. */
function signalOne(pid, signal) {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (error.code !== "ESRCH") throw error;
  }
}

async function stop() {
  await prepared.catch(() => undefined);
  await kill("SIGQUIT");
  if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  setImmediate(() => process.exit());
}

function isRunning() {
  return child !== undefined && child.exitCode === null && child.signalCode === null;
}

async function kill(signal) {
  if (!isRunning()) return;
  const gone = ended();
  // What is frozen would outlive its parent.
  if (process.platform !== "win32") thaw();
  child.kill(signal);
  const late = setTimeout(() => child.kill("SIGKILL"), KILL_AFTER_MS);
  await gone;
  clearTimeout(late);
}

function run(program, args, added = {}) {
  const windows = process.platform === "win32";
  const own = windows ? process.env : { PATH: process.env.PATH, LC_ALL: "C", TZ: "UTC", HOME: folder };
  child = spawn(join(folder, "native", "bin", windows ? `${program}.exe` : program), args, {
    ...account,
    env: { ...own, ...added },
    cwd: folder,
    stdio: ["ignore", "pipe", "pipe"],
  });
  for (const stream of [child.stdout, child.stderr]) stream.on("data", keep);
  child.on("error", (error) => keep(error.message));
}

function keep(text) {
  log = (log + text).slice(-20_000);
}

function ended() {
  return new Promise((settle) => child.once("close", settle));
}

function freePort() {
  return new Promise((settle, fail) => {
    const probe = createServer().on("error", fail);
    probe.listen(0, "127.0.0.1", () => {
      const { port: free } = probe.address();
      probe.close(() => settle(free));
    });
  });
}

/** Postgres refuses to run as root, so root lowers itself to an account that owns nothing of worth. */
function lowerAccount() {
  if (process.getuid?.() !== 0) return {};
  const accounts = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .map((line) => line.split(":"));
  for (const name of ["nobody", "postgres"]) {
    const found = accounts.find((fields) => fields[0] === name);
    if (found !== undefined) return { uid: Number(found[2]), gid: Number(found[3]) };
  }
  throw new Error("root cannot run Postgres, and there is no account `nobody` or `postgres` to lower to");
}

async function giveAway() {
  if (account.uid === undefined) return;
  const inside = await readdir(folder, { recursive: true });
  for (const path of ["", ...inside]) await lchown(join(folder, path), account.uid, account.gid);
}
