import { posix } from "node:path";
import ts from "typescript";

/** Where the files of a folder may import from: folders and files of the repository, and packages. */
interface Rule {
  readonly files: string;
  readonly may: readonly string[];
}

const DRIVER_AUTHOR = [
  "backoff",
  "batch-verdict",
  "clock",
  "contract",
  "decide",
  "driver",
  "error-details",
  "errors",
  "event-id",
  "fake-timers",
  "fingerprint",
  "in-slices",
  "order",
  "patience",
  "payload-bytes",
  "process-state",
  "real-timers",
  "registry",
  "slot-key",
  "store-options",
  "transient",
  "validate",
  "when-aborted",
];
const FLOOR = [...DRIVER_AUTHOR.map((name) => `src/${name}.ts`), "src/layers/"];

/** What a wrapper may know of the floor: its contract and its checks, and nothing of drivers, queues or layers. */
const WRAPPER_AUTHOR = [
  "backoff",
  "clock",
  "contract",
  "decide",
  "error-details",
  "errors",
  "event-id",
  "identity",
  "in-slices",
  "limits",
  "order",
  "real-timers",
  "scan-kind",
  "scope",
  "slot-key",
  "type-met",
  "validate",
  "validate-text",
  "vouched",
  "when-aborted",
].map((name) => `src/${name}.ts`);

/** The first rule that fits a file decides. Folders end with a slash. */
const RULES: readonly Rule[] = [
  {
    files: "src/typed/approvals/",
    may: ["src/typed/approvals/", "src/typed/*.ts", ...WRAPPER_AUTHOR, "node:", "canonicalize"],
  },
  { files: "src/typed/ledger/", may: ["src/typed/ledger/", "src/typed/*.ts", ...WRAPPER_AUTHOR, "node:"] },
  {
    files: "src/typed/sessions/",
    may: ["src/typed/sessions/", "src/typed/*.ts", ...WRAPPER_AUTHOR, "node:"],
  },
  {
    files: "src/typed/forget-user/",
    may: [
      "src/typed/forget-user/",
      ...["approvals", "ledger", "sessions"].map((wrapper) => `src/typed/${wrapper}/index.ts`),
      "src/typed/*.ts",
      ...WRAPPER_AUTHOR,
      "node:",
    ],
  },
  { files: "src/typed/", may: ["src/typed/*.ts", ...WRAPPER_AUTHOR, "node:"] },
  { files: "src/", may: ["src/*.ts", "src/layers/", "node:", "ulid"] },
  { files: "drivers/index.ts", may: ["drivers/", ...FLOOR] },
  { files: "drivers/memory/", may: ["drivers/memory/", "drivers/*.ts", ...FLOOR, "node:"] },
  { files: "drivers/sqlite/", may: ["drivers/sqlite/", "drivers/*.ts", ...FLOOR, "node:", "better-sqlite3"] },
  { files: "drivers/postgres/", may: ["drivers/postgres/", "drivers/*.ts", ...FLOOR, "node:", "postgres"] },
  { files: "drivers/", may: ["drivers/*.ts", ...FLOOR, "node:"] },
  // The cases know what everyone knows; only the options of a run are checked as all options are.
  {
    files: "conformance/run-options.ts",
    may: ["conformance/", "src/index.ts", "src/errors.ts", "src/validate.ts", "node:"],
  },
  { files: "conformance/", may: ["conformance/", "src/index.ts", "node:"] },
  {
    files: "examples/level-driver/",
    may: ["examples/level-driver/", "groundstate", "node:", "classic-level"],
  },
  { files: "examples/", may: ["examples/", "groundstate", "node:", "string-width"] },
];

/** The imports that point where they may not, as `file -> target`. */
export function wrongArrows(sources: ReadonlyMap<string, string>): string[] {
  return [...sources].flatMap(([file, text]) => {
    const rule = RULES.find(({ files }) => file.startsWith(files));
    if (rule === undefined) return [`${file} -> no rule says what it may import`];
    return importsOf(text)
      .map((specifier) => target(file, specifier))
      .filter((to) => !rule.may.some((allowed) => fits(to, allowed)))
      .map((to) => `${file} -> ${to}`);
  });
}

/** What a module imports: statements, re-exports, `import()` of a literal and in types, references to files. */
export function importsOf(text: string): string[] {
  const { importedFiles, referencedFiles, typeReferenceDirectives } = ts.preProcessFile(text, true, true);
  return [...importedFiles, ...referencedFiles, ...typeReferenceDirectives].map(({ fileName }) => fileName);
}

function target(file: string, specifier: string): string {
  if (!specifier.startsWith(".")) return specifier;
  return posix.join(posix.dirname(file), specifier).replace(/\.js$/, ".ts");
}

function fits(to: string, allowed: string): boolean {
  if (allowed === "src/*.ts") return /^src\/[^/]+\.ts$/.test(to);
  if (allowed === "src/typed/*.ts") return /^src\/typed\/[^/]+\.ts$/.test(to);
  if (allowed === "drivers/*.ts") return /^drivers\/[^/]+\.ts$/.test(to) && to !== "drivers/index.ts";
  if (allowed === "node:" || allowed.endsWith("/")) return to.startsWith(allowed);
  return to === allowed || to.startsWith(`${allowed}/`);
}
