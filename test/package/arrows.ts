import { posix } from "node:path";
import ts from "typescript";

/**
 * The folders of each part in the order of a call, from the top down. A file imports from its own folder and from those
 * below it, never from one above and never from one beside it (those of one line).
 */
const ORDERS: readonly (readonly string[])[] = [
  [
    "src/adapters/",
    "src/runtime/",
    "src/export-user/ src/forget-user/ src/move-user/ src/retention/",
    "src/policies/ src/schedules/",
    "src/runs/ src/tool-calls/",
    "src/sessions/ src/approvals/ src/ledger/ src/checkpoints/ src/questions/ src/artifacts/ src/expiring/ src/facts/ src/memories/",
    "src/lifecycle/ src/content/ src/search/",
    "src/typed/",
    "src/store/",
    "src/watch/",
    "src/queue/",
    "src/layers/",
    "src/identity/",
    "src/validation/",
    "src/process/",
    "src/rules/",
    "src/diagnostics/",
    "src/timing/",
    "src/contract/",
  ],
  [
    "conformance/runners/",
    "conformance/mutants/",
    "conformance/cases/ conformance/typed/",
    "conformance/histories/",
    "conformance/harness/",
    "conformance/inputs/",
    "conformance/assertions/",
    "conformance/contract/",
  ],
];

/** Where the files of a folder may import from: folders and files of the repository, and packages. */
interface Rule {
  readonly files: string;
  readonly may: readonly string[];
}

/** What everything that stands on the floor may know of it: its contract, its checks and its rules. */
const FLOOR = ["contract", "identity", "process", "rules", "timing", "validation"].map(
  (folder) => `src/${folder}/`,
);
/** A wrapper knows the store by its public face, and nothing of drivers, queues and layers. */
const WRAPPER = [
  "src/content/",
  "src/typed/",
  ...FLOOR,
  "src/store/scan-kind.ts",
  "src/watch/watch-by-reading.ts",
  "node:",
];
/** A driver stands below the queue and the store. */
const DRIVER = ["drivers/*.ts", ...FLOOR, "src/layers/", "node:"];

/** The wrappers whose records belong to users. */
const OWNERS = [
  "sessions",
  "approvals",
  "ledger",
  "questions",
  "runs",
  "tool-calls",
  "checkpoints",
  "artifacts",
  "expiring",
  "memories",
].map((name) => `src/${name}/index.ts`);

/** The first rule that fits a file decides. Folders end with a slash. */
const RULES: readonly Rule[] = [
  {
    files: "src/forget-user/",
    may: ["sessions", "approvals", "ledger", "questions", "runs", "tool-calls", "memories"]
      .map((name) => `src/${name}/index.ts`)
      .concat(WRAPPER),
  },
  {
    files: "src/move-user/",
    may: OWNERS.concat("src/lifecycle/", "src/content/", WRAPPER),
  },
  {
    files: "src/export-user/",
    may: OWNERS.concat(WRAPPER),
  },
  {
    files: "src/retention/",
    may: OWNERS.concat(WRAPPER),
  },
  {
    files: "src/runtime/",
    may: ["policies", "schedules", "facts", "retention", "export-user", "forget-user", "move-user"]
      .map((name) => `src/${name}/index.ts`)
      .concat(OWNERS, "src/store/registry.ts", WRAPPER),
  },
  // An adapter knows wrappers as their users do, and the package that it is an adapter for.
  {
    files: "src/adapters/langgraph/",
    may: ["src/adapters/*.ts", "src/checkpoints/index.ts", ...WRAPPER, "@langchain/langgraph-checkpoint"],
  },
  {
    files: "src/adapters/openai-agents/",
    may: ["sessions", "approvals", "checkpoints"]
      .map((name) => `src/${name}/index.ts`)
      .concat("src/adapters/*.ts", WRAPPER, "@openai/agents-core"),
  },
  { files: "src/adapters/a2a/", may: ["src/adapters/*.ts", ...WRAPPER, "@a2a-js/sdk"] },
  {
    files: "src/adapters/adk/",
    may: ["src/adapters/*.ts", "src/sessions/index.ts", ...WRAPPER, "@google/adk"],
  },
  { files: "src/adapters/mcp/", may: ["src/adapters/*.ts", ...WRAPPER, "@modelcontextprotocol/sdk"] },
  {
    files: "src/adapters/ai-sdk/",
    may: ["src/adapters/*.ts", "src/sessions/index.ts", "src/approvals/index.ts", ...WRAPPER, "ai"],
  },
  { files: "src/adapters/conversation.ts", may: ["src/sessions/index.ts", ...WRAPPER] },
  { files: "src/adapters/approved-calls.ts", may: ["src/approvals/index.ts", ...WRAPPER] },
  { files: "src/adapters/", may: WRAPPER },
  { files: "src/approvals/", may: ["src/lifecycle/", ...WRAPPER, "canonicalize"] },
  // A call claims and ends its approval.
  { files: "src/tool-calls/", may: ["src/lifecycle/", "src/content/", "src/approvals/", ...WRAPPER] },
  { files: "src/expiring/", may: ["src/lifecycle/", "src/content/", ...WRAPPER] },
  { files: "src/facts/", may: ["src/content/", ...WRAPPER] },
  { files: "src/memories/", may: ["src/lifecycle/", "src/content/", "src/search/", ...WRAPPER] },
  { files: "src/questions/", may: ["src/lifecycle/", ...WRAPPER] },
  // Its costs are the ledger's money.
  { files: "src/policies/", may: ["src/runs/budget.ts", "src/runs/run.ts", ...WRAPPER] },
  // An occurrence is held by a lease as a run is.
  {
    files: "src/schedules/",
    may: [
      "claim-in-turn",
      "claimed-before",
      "lease",
      "leases-first",
      "options",
      "renew-while",
      "stored-lease",
    ]
      .map((name) => `src/runs/${name}.ts`)
      .concat("src/lifecycle/", "src/ledger/calendar.ts", WRAPPER, "croner"),
  },
  { files: "src/runs/", may: ["src/lifecycle/", "src/ledger/money.ts", ...WRAPPER] },
  { files: "src/lifecycle/", may: WRAPPER },
  { files: "src/sessions/", may: ["src/search/", ...WRAPPER] },
  { files: "src/search/", may: [...WRAPPER, "minisearch"] },
  { files: "src/content/", may: WRAPPER },
  { files: "src/checkpoints/", may: ["src/content/", ...WRAPPER] },
  { files: "src/artifacts/", may: ["src/content/", ...WRAPPER] },
  { files: "src/ledger/", may: WRAPPER },
  { files: "src/typed/", may: WRAPPER },
  { files: "src/layers/encrypting/key-file.ts", may: ["src/", "age-encryption"] },
  { files: "src/", may: ["src/", "node:", "ulid"] },
  { files: "drivers/index.ts", may: ["drivers/", "src/store/registry.ts", ...FLOOR] },
  { files: "drivers/memory/", may: DRIVER },
  { files: "drivers/sqlite/", may: [...DRIVER, "better-sqlite3"] },
  { files: "drivers/postgres/", may: [...DRIVER, "postgres"] },
  { files: "drivers/", may: DRIVER },
  // The suite knows what everyone knows; only the options of a run are checked as all options are.
  {
    files: "conformance/runners/",
    may: ["conformance/", "src/index.ts", "src/contract/errors.ts", "src/validation/validate.ts", "node:"],
  },
  // Its cases call the wrappers as their users do.
  {
    files: "conformance/typed/",
    may: [
      "typed",
      "sessions",
      "approvals",
      "ledger",
      "questions",
      "runs",
      "checkpoints",
      "artifacts",
      "policies",
      "expiring",
      "facts",
      "memories",
      "schedules",
      "tool-calls",
      "move-user",
    ]
      .map((name) => `src/${name}/index.ts`)
      .concat("conformance/", "src/index.ts", "node:"),
  },
  { files: "conformance/", may: ["conformance/", "src/index.ts", "node:"] },
  { files: "examples/level-driver/", may: ["groundstate", "node:", "classic-level"] },
  { files: "examples/redis-driver/", may: ["groundstate", "node:", "ioredis"] },
  { files: "examples/object-driver/", may: ["groundstate", "node:"] },
  { files: "examples/mariadb-driver/", may: ["groundstate", "node:", "mysql2"] },
  { files: "examples/openai-agents/", may: ["groundstate", "node:", "@openai/agents-core", "zod"] },
  { files: "examples/a2a/", may: ["groundstate", "node:", "@a2a-js/sdk"] },
  { files: "examples/adk/", may: ["groundstate", "node:", "@google/adk"] },
  { files: "examples/mcp/", may: ["groundstate", "node:", "@modelcontextprotocol/sdk"] },
  { files: "examples/ai-sdk/", may: ["examples/ai-sdk/", "groundstate", "node:", "ai", "zod"] },
  { files: "examples/langgraph/", may: ["groundstate", "node:", "@langchain/langgraph"] },
  { files: "examples/", may: ["examples/", "groundstate", "node:", "string-width"] },
];

/** The imports that point where they may not, as `file -> target`. */
export function wrongArrows(sources: ReadonlyMap<string, string>): string[] {
  return [...sources].flatMap(([file, text]) => {
    const rule = RULES.find(({ files }) => file.startsWith(files));
    if (rule === undefined) return [`${file} -> no rule says what it may import`];
    return importsOf(text)
      .map((specifier) => target(file, specifier))
      .filter((to) => !isBeside(file, to) && (pointsUp(file, to) || !rule.may.some((may) => fits(to, may))))
      .map((to) => `${file} -> ${to}`);
  });
}

/** Files that import each other, types included, each circle as its files in order of their names. */
export function circles(sources: ReadonlyMap<string, string>): string[][] {
  const imports = new Map(
    [...sources].map(([file, text]) => [
      file,
      importsOf(text)
        .map((specifier) => target(file, specifier))
        .filter((to) => sources.has(to)),
    ]),
  );
  const found = new Map<string, string[]>();
  for (const file of imports.keys()) {
    const circle = [...reached(imports, file)].filter((other) => reached(imports, other).has(file)).sort();
    if (circle.length > 0) found.set(circle.join(), circle);
  }
  return [...found.values()];
}

/** What a module imports: statements, re-exports, `import()` of a literal and in types, references to files. */
export function importsOf(text: string): string[] {
  const { importedFiles, referencedFiles, typeReferenceDirectives } = ts.preProcessFile(text, true, true);
  return [...importedFiles, ...referencedFiles, ...typeReferenceDirectives].map(({ fileName }) => fileName);
}

/** Every file that a file imports, directly or through others; itself only where it lies on a circle. */
function reached(imports: ReadonlyMap<string, readonly string[]>, from: string): Set<string> {
  const seen = new Set<string>();
  const next = [...(imports.get(from) ?? [])];
  for (let file = next.pop(); file !== undefined; file = next.pop()) {
    if (seen.has(file)) continue;
    seen.add(file);
    next.push(...(imports.get(file) ?? []));
  }
  return seen;
}

/** Whether both lie in the same folder, or in folders of it. */
function isBeside(file: string, to: string): boolean {
  const folder = file.split("/").slice(0, 2).join("/");
  return file.split("/").length > 2 && to.startsWith(`${folder}/`);
}

/** Whether a folder's place in its order forbids the import. An entry that lies in none of them is above all. */
function pointsUp(file: string, to: string): boolean {
  return ORDERS.some((order) => {
    const level = (path: string) =>
      order.findIndex((line) => line.split(" ").some((folder) => path.startsWith(folder)));
    const [from, below] = [level(file), level(to)];
    const part = (order[0] as string).split("/")[0] as string;
    if (from === -1 || !to.startsWith(`${part}/`)) return false;
    return below <= from;
  });
}

function target(file: string, specifier: string): string {
  if (!specifier.startsWith(".")) return specifier;
  return posix.join(posix.dirname(file), specifier).replace(/\.js$/, ".ts");
}

function fits(to: string, allowed: string): boolean {
  if (allowed === "drivers/*.ts") return /^drivers\/[^/]+\.ts$/.test(to) && to !== "drivers/index.ts";
  if (allowed === "node:" || allowed.endsWith("/")) return to.startsWith(allowed);
  return to === allowed || to.startsWith(`${allowed}/`);
}
