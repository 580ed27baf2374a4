import { access, constants, cp, mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import ts from "typescript";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isSoak, sampleOf } from "../soak.js";
import { importsOf } from "./arrows.js";
import { type Installed, installPackage, node, ROOT, tool } from "./installed.js";

const ENTRIES = [
  "",
  "/layers",
  "/typed",
  "/sessions",
  "/approvals",
  "/runs",
  "/tool-calls",
  "/ledger",
  "/checkpoints",
  "/policies",
  "/retention",
  "/expiring",
  "/artifacts",
  "/facts",
  "/memories",
  "/runtime",
  "/questions",
  "/schedules",
  "/export-user",
  "/forget-user",
  "/move-user",
  "/drivers",
  "/drivers/memory",
  "/drivers/sqlite",
  "/drivers/postgres",
  "/conformance",
];

/** What needs the package of another, which it is an adapter for. */
const ADAPTERS: Readonly<Record<string, string>> = {
  langgraph: "@langchain/langgraph-checkpoint",
  "openai-agents": "@openai/agents-core",
  a2a: "@a2a-js/sdk",
  mcp: "@modelcontextprotocol/sdk",
  "ai-sdk": "ai",
  adk: "@google/adk",
};

let installed: Installed;

beforeAll(async () => {
  installed = await installPackage();
}, 120_000);

afterAll(() => installed?.remove());

describe("the tarball", () => {
  test("holds what the package needs and nothing else", () => {
    const allowed =
      /^(dist\/(src|drivers|conformance)\/.+\.(js|d\.ts)|docs\/(?!api\/).+\.(md|svg)|package\.json|LICENSE|(README|CHANGELOG|UPGRADING)\.md)$/;
    expect(installed.files.filter((path) => !allowed.test(path))).toEqual([]);
    expect(installed.files).toEqual(
      expect.arrayContaining(["LICENSE", "dist/src/index.js", "dist/src/index.d.ts", "docs/errors.md"]),
    );
  });

  test("passes publint", async () => {
    const tarball = new Uint8Array(await readFile(installed.tarball)).buffer;
    const { messages, pkg } = await publint({ pack: { tarball }, strict: true });
    expect(messages.map((message) => formatMessage(message, pkg, { color: false }))).toEqual([]);
  });

  test("passes attw for a package of ES modules", async () => {
    const options = ["--profile", "esm-only", "--no-definitely-typed", "--no-emoji", "--no-color"];
    const entries = isSoak ? [] : ["--entrypoints", ".", "sessions"];
    expect(
      await tool("@arethetypeswrong/cli", "attw", [installed.tarball, ...options, ...entries]),
    ).toMatchObject({
      code: 0,
    });
  });
});

describe("installed alone", () => {
  test("brings only what it needs", async () => {
    const packages = await readdir(join(installed.folder, "node_modules"));
    expect(packages.filter((name) => !name.startsWith(".")).sort()).toEqual([
      "canonicalize",
      "croner",
      "groundstate",
      "minisearch",
      "ulid",
    ]);
  });

  test("works by import", async () => {
    const script = `
      import { newEventId, openStore } from "groundstate";
      import "groundstate/drivers";
      ${ENTRIES.map((entry) => `await import("groundstate${entry}");`).join("\n")}
      ${SAVE_AND_LOAD}
    `;
    expect(await runScript("by-import.mjs", script)).toEqual({ code: 0, out: "hello 1\n" });
  });

  test("works by require", async () => {
    const script = `
      process.removeAllListeners("warning");
      const { newEventId, openStore } = require("groundstate");
      ${ENTRIES.map((entry) => `require("groundstate${entry}");`).join("\n")}
      (async () => { ${SAVE_AND_LOAD} })();
    `;
    expect(await runScript("by-require.cjs", script)).toEqual({ code: 0, out: "hello 1\n" });
  });

  test.each([
    ["sqlite:./state.db", "npm install better-sqlite3"],
    ["postgres://nobody@127.0.0.1:1/none", "npm install postgres"],
  ])("says what %s needs", async (url, advice) => {
    const script = `
      import { isStateError, openStore } from "groundstate";
      import "groundstate/drivers";
      await openStore(${JSON.stringify(url)}).catch((error) => {
        console.log(isStateError(error, "UNAVAILABLE"), error.details.reason, error.message);
      });
    `;
    const { code, out } = await runScript("missing.mjs", script);
    expect({ code, out }).toEqual({ code: 0, out: expect.stringMatching(/^true setup /) });
    expect(out).toContain(advice);
    expect(await readdir(installed.folder)).not.toContain("state.db");
  });

  test("has a command", async () => {
    const command = join(installed.folder, "node_modules/.bin/groundstate");
    await access(command, constants.X_OK);
    const { code, out } = await node([command, "--help"], installed.folder);
    expect({ code, out }).toEqual({ code: 0, out: expect.stringContaining("conformance") });
  });
});

describe("installed beside better-sqlite3", () => {
  const TYPED = `
    import { newEventId, openStore, type StateStore } from "groundstate";
    import "groundstate/drivers";
    const store: StateStore = await openStore({ driver: "sqlite", path: process.argv.at(-1) as string });
    const identity = { tenant: "acme", user: "ann", session: "s1" };
    await store.save({ eventId: newEventId(), identity, kind: "note", bytes: Buffer.from("hello"), version: 1 });
    const { bytes, version } = await store.load(identity, "note");
    await store.close();
  `;
  const PLAIN = ts.transpile(TYPED, { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 });
  const PRINT = "console.log(Buffer.from(bytes).toString(), version);";
  let folder: string;

  /** A copy of what was installed, which finds that package as well. */
  beforeAll(async () => {
    folder = join(installed.folder, "..", "beside");
    await cp(installed.folder, folder, { recursive: true });
    await symlink(join(ROOT, "node_modules/better-sqlite3"), join(folder, "node_modules/better-sqlite3"));
    await symlink(join(ROOT, "node_modules/vitest"), join(folder, "node_modules/vitest"));
  });

  const write = async (name: string, script: string): Promise<string> => {
    await writeFile(join(folder, name), script);
    return name;
  };

  test("its thread works by import", async () => {
    const name = await write("sqlite.mjs", PLAIN + PRINT);
    expect(await node([name, "import.db"], folder)).toEqual({ code: 0, out: "hello 1\n" });
  });

  test("its thread works by require", async () => {
    const body = PLAIN.replace(
      /import \{(.*?)\} from "groundstate";/,
      'const {$1} = require("groundstate");',
    ).replace('import "groundstate/drivers";', 'require("groundstate/drivers");');
    const script = `process.removeAllListeners("warning");\n(async () => { ${body}\n${PRINT} })();`;
    const name = await write("sqlite.cjs", script);
    expect(await node([name, "require.db"], folder)).toEqual({ code: 0, out: "hello 1\n" });
  });

  test("its thread works from source text, with the flag that says so", async () => {
    expect(await node(["--input-type=module", "-e", PLAIN + PRINT, "text.db"], folder)).toEqual({
      code: 0,
      out: "hello 1\n",
    });
  });

  test("its thread works from TypeScript through tsx", async () => {
    const name = await write("sqlite.mts", TYPED + PRINT);
    expect(await tool("tsx", "tsx", [name, "tsx.db"], folder)).toEqual({ code: 0, out: "hello 1\n" });
  });

  test.each(sampleOf(["forks", "threads"], 2))("its thread works in vitest, with %s", async (pool) => {
    const body = TYPED.replace("process.argv.at(-1) as string", `"vitest-${pool}.db"`);
    const [imports, rest] = body.split("const store");
    await write(
      `sqlite-${pool}.test.ts`,
      `import { expect, test } from "vitest";${imports}
      test("saves", async () => { const store${rest}
        expect([Buffer.from(bytes).toString(), version]).toEqual(["hello", 1]); });`,
    );
    const { code, out } = await tool("vitest", "vitest", ["run", `--pool=${pool}`, `sqlite-${pool}`], folder);
    expect({ code, out }).toEqual({ code: 0, out: expect.stringContaining("1 passed") });
  });
});

describe("installed beside the packages that it has adapters for", () => {
  test("each adapter works by import", async () => {
    const folder = join(installed.folder, "..", "adapters");
    await cp(installed.folder, folder, { recursive: true });
    for (const name of Object.values(ADAPTERS)) {
      const home = join(folder, "node_modules", name);
      await mkdir(join(home, ".."), { recursive: true });
      await symlink(join(ROOT, "node_modules", name), home);
    }
    const imports = Object.keys(ADAPTERS).map((name) => `import("groundstate/${name}")`);
    const program = `for (const entry of await Promise.all([${imports}])) console.log(Object.keys(entry).join());`;
    await writeFile(join(folder, "adapters.mjs"), program);
    const { code, out } = await node(["adapters.mjs"], folder);
    expect({ code, out: out.trim().split("\n") }).toEqual({
      code: 0,
      out: [
        "GroundstateSaver,GroundstateStore",
        "GroundstateSession,PausedRuns",
        "GroundstatePushNotificationStore,GroundstateTaskStore",
        "GroundstateEventStore,GroundstateTaskMessageQueue,GroundstateTaskStore",
        "GroundstateChats,ResumableStreams,ToolApprovals",
        "GroundstateSessionService",
      ],
    });
  });
});

describe("a strict consumer's type check, with lib ES2022", () => {
  const kinds = [
    ["without Node's types", []],
    ["with Node's types", ["node"]],
  ] as const;
  test.each(sampleOf(kinds, 2))("passes %s", async (_, types) => {
    const folder = join(installed.folder, types.length === 0 ? "plain" : "with-node");
    await mkdir(folder);
    await writeFile(join(folder, "consumer.mts"), CONSUMER);
    await writeFile(join(folder, "wrappers.mts"), WRAPPERS);
    const compilerOptions = {
      strict: true,
      noEmit: true,
      skipLibCheck: false,
      exactOptionalPropertyTypes: true,
      target: "ES2022",
      lib: ["ES2022"],
      module: "NodeNext",
      types,
      typeRoots: [join(ROOT, "node_modules/@types")],
    };
    await writeFile(
      join(folder, "tsconfig.json"),
      JSON.stringify({ compilerOptions, files: ["consumer.mts", "wrappers.mts"] }),
    );
    expect(await tool("typescript", "tsc", ["-p", "tsconfig.json"], folder)).toEqual({ code: 0, out: "" });
  });
});

describe("what was built", () => {
  test("imports no package's types in its declarations, but for adapters, and brings the disposable types along", async () => {
    const declarations = await shipped(".d.ts");
    for (const [path, text] of declarations) {
      const [, adapter = ""] = /^dist\/src\/adapters\/([^/]+)\//.exec(path) ?? [];
      const foreign = importsOf(text).filter(
        (name) => !/^(\.|node:)/.test(name) && !`${name}/`.startsWith(`${ADAPTERS[adapter]}/`),
      );
      expect({ path, foreign }).toEqual({ path, foreign: [] });
    }
    expect(declarations.get("dist/src/contract/store.d.ts")).toMatch(/<reference lib="esnext.disposable"/);
  });

  test("has no top-level await, which `require` could not load", async () => {
    const waiting = [...(await shipped(".js"))].filter(([path, text]) => awaitsAtTop(path, text));
    expect(waiting.map(([path]) => path)).toEqual([]);
    for (const text of ["await x;", "const y = await x;", "for await (const y of x);", "{ await x; }"]) {
      expect(awaitsAtTop("x.js", text)).toBe(true);
    }
    expect(awaitsAtTop("x.js", "async () => { await x; for await (const y of x); }")).toBe(false);
  });
});

test("the lockfile holds no addresses, and every platform's binaries", async () => {
  const { packages } = JSON.parse(await readFile(join(ROOT, "package-lock.json"), "utf8")) as Lockfile;
  for (const [path, { resolved, integrity, optionalDependencies = {} }] of Object.entries(packages)) {
    expect({ path, resolved, locked: path === "" || integrity !== undefined }).toEqual({
      path,
      locked: true,
    });
    for (const name of Object.keys(optionalDependencies)) {
      expect(Object.keys(packages).filter((each) => each.endsWith(`node_modules/${name}`))).not.toEqual([]);
    }
  }
});

interface Lockfile {
  readonly packages: Record<
    string,
    { resolved?: string; integrity?: string; optionalDependencies?: Record<string, string> }
  >;
}

const SAVE_AND_LOAD = `
  const store = await openStore("memory:");
  const identity = { tenant: "acme", user: "ada", session: "s1" };
  await store.save({ eventId: newEventId(), identity, kind: "note", bytes: Buffer.from("hello"), version: 1 });
  const { bytes, version } = await store.load(identity, "note");
  await store.close();
  console.log(Buffer.from(bytes).toString(), version);
`;

const WRAPPERS = `
  import { isStateError, StateError, type StateStore } from "groundstate";
  import { createApprovals } from "groundstate/approvals";
  import { type BudgetUnit, createLedger } from "groundstate/ledger";
  import { createSessions } from "groundstate/sessions";
  import { Collection, json, type StandardSchema, transact, TypedSlot } from "groundstate/typed";

  declare module "groundstate" {
    interface StateErrorDetails {
      FACT_DISPUTED: { readonly by: string };
    }
  }

  declare const store: StateStore;
  declare const schema: StandardSchema<{ text: string; at?: string }, { text: string; at: Date }>;
  const session = { tenant: "acme", user: "ada", session: "s1" };

  export async function use(): Promise<void> {
    const facts = new Collection(store, "fact", { codec: json({ schema }) });
    await facts.put(session, "a/b", { text: "x" });
    (await facts.get(session, "a/b"))?.at satisfies Date | undefined;
    // @ts-expect-error: the schema wants a text
    await facts.put(session, "a/b", { at: "now" });
    const count = new TypedSlot<number>(store, "count");
    const counted: number = await transact(store, async (transaction) => {
      const before = (await transaction.get(count.at(session))) ?? 0;
      await transaction.set(count.at(session), before + 1);
      return before;
    });
    if (counted > 1) throw new StateError("FACT_DISPUTED", "disputed", { details: { by: "bob" } });

    const sessions = createSessions<{ title: string }, { role: string }>(store);
    const { sessions: page } = await sessions.list(session);
    page[0]?.metadata.title satisfies string | undefined;
    await sessions.append(session, [{ value: { role: "user" } }]);
    // @ts-expect-error: an event has a role
    await sessions.append(session, [{ value: { name: "user" } }]);

    try {
      await createLedger(store).reserve(session, { cost: "0.1" });
      await createApprovals(store).decide(session, "id", { decision: "approve", by: "grace" });
      // @ts-expect-error: a decision is approve or deny
      await createApprovals(store).decide(session, "id", { decision: "perhaps", by: "grace" });
    } catch (error) {
      if (isStateError(error, "BUDGET_EXCEEDED")) error.details.unit satisfies BudgetUnit;
      if (isStateError(error, "ALREADY_DECIDED")) error.details.winner.by satisfies string;
      if (isStateError(error, "SESSION_CLOSED")) error.details.closedAt satisfies Date;
      if (isStateError(error, "FACT_DISPUTED")) error.details.by satisfies string;
    }
  }
`;

const CONSUMER = `
  import {
    type Driver, isStateError, maintenanceScope, newEventId, openStore, registerDriver, scanKind, type StateStore,
  } from "groundstate";
  import "groundstate/drivers";
  import { openMemory } from "groundstate/drivers/memory";
  import { openPostgres } from "groundstate/drivers/postgres";
  import { openSqlite } from "groundstate/drivers/sqlite";
  import * as conformance from "groundstate/conformance";

  declare module "groundstate" {
    interface DriverConfigs {
      lmdb: { path: string; mapSize?: number };
    }
  }

  declare const driver: Driver;
  registerDriver("lmdb", async (config: { path: string }) => {
    config.path satisfies string;
    return driver;
  });

  await openStore({ driver: "lmdb", path: "./state" });
  await openStore({ driver: "sqlite", path: "./state.db", maxBytes: 1024 });
  await openStore({ driver: "postgres", url: "postgres://127.0.0.1/state" });
  await openStore({ driver: "memory" });
  await openStore({});
  // @ts-expect-error: lmdb needs a path
  await openStore({ driver: "lmdb" });
  // @ts-expect-error: sqlite's path is text
  await openStore({ driver: "sqlite", path: 7 });
  // @ts-expect-error: no such driver
  await openStore({ driver: "nonsense" });

  await openStore("postgres://127.0.0.1/state", { poolSize: 2, schema: "s", maxBytes: 1024 });
  await openStore("PostgreSQL://127.0.0.1/state", { timeoutMs: 1000 });
  await openStore("sqlite:./state.db", { durability: "process", layers: [] });
  await openStore("memory:", { idempotencyWindowMs: 1000 });
  await openStore("lmdb:./state", { mapSize: 1 });
  await openStore("lmdb:./state");
  await openStore("unheard-of:./state", { maxBytes: 1 });
  // @ts-expect-error: sqlite has no pool
  await openStore("sqlite:./state.db", { poolSize: 2 });
  // @ts-expect-error: nor has memory
  await openStore("memory:", { poolSize: 2 });
  // @ts-expect-error: a size is a number
  await openStore("postgres://127.0.0.1/state", { poolSize: "2" });
  // @ts-expect-error: it is called poolSize
  await openStore("postgres://127.0.0.1/state", { poolsize: 2 });
  // @ts-expect-error: one of two words
  await openStore("sqlite:./state.db", { durability: "none" });
  // @ts-expect-error: there is a URL already
  await openStore("postgres://127.0.0.1/state", { url: "postgres://127.0.0.1/other" });
  // @ts-expect-error: a size is a number
  await openStore("lmdb:./state", { mapSize: "1" });
  // @ts-expect-error: nothing is known of its options
  await openStore("unheard-of:./state", { mapSize: 1 });
  // @ts-expect-error: a forgotten variable
  await openStore("sqlite:./state.db", { durability: undefined });

  export async function somewhere(url: string): Promise<StateStore> {
    // @ts-expect-error: no driver has it
    await openStore(url, { poolsize: 2 });
    // @ts-expect-error: a size is a number
    await openStore(url, { poolSize: "2" });
    await openStore(url, { durability: "full", maxBytes: 1 });
    await openStore(\`\${url}?sslmode=require\`, { poolSize: 2 });
    await openStore(\`postgres://\${url}\`, { poolSize: 2 });
    // @ts-expect-error: this is sqlite
    await openStore(\`sqlite:\${url}\`, { poolSize: 2 });
    return openStore(url, { poolSize: 2, schema: "s" });
  }

  async function use(url: string): Promise<string | undefined> {
    await using store: StateStore = await openStore(url, { maxBytes: 1024 });
    const identity = { tenant: "acme", user: "ada", session: "s1" };
    const receipt = await store.save(
      { eventId: newEventId(), identity, kind: "note", bytes: new Uint8Array(1) },
      { expect: null },
    );
    // @ts-expect-error: a condition is an id or null, not a forgotten variable
    await store.delete(identity, "note", { expect: undefined });
    for await (const record of scanKind(store, maintenanceScope({ reason: "count", tenant: "acme" }), "note")) {
      record.bytes satisfies Uint8Array;
    }
    try {
      await store.load(identity, "none");
    } catch (error) {
      if (isStateError(error, "CONDITION_FAILED")) return error.details.current ?? undefined;
    }
    return receipt.eventId;
  }

  export { conformance, openMemory, openPostgres, openSqlite, use };
`;

async function runScript(name: string, text: string) {
  await writeFile(join(installed.folder, name), text);
  return node([name], installed.folder);
}

async function shipped(suffix: string): Promise<Map<string, string>> {
  const paths = installed.files.filter((path) => path.endsWith(suffix));
  expect(paths.length).toBeGreaterThan(20);
  const home = join(installed.folder, "node_modules/groundstate");
  return new Map(
    await Promise.all(paths.map(async (path) => [path, await readFile(join(home, path), "utf8")] as const)),
  );
}

function awaitsAtTop(path: string, text: string): boolean {
  const visit = (at: ts.Node): boolean => {
    if (ts.isFunctionLike(at)) return false;
    if (ts.isAwaitExpression(at) || (ts.isForOfStatement(at) && at.awaitModifier !== undefined)) return true;
    return ts.forEachChild(at, visit) ?? false;
  };
  return visit(ts.createSourceFile(path, text, ts.ScriptTarget.ES2022));
}
