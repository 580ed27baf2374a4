import { parseArgs } from "node:util";

export const SECTIONS = [
  "sqlite",
  "postgres",
  "memory",
  "commits",
  "checks",
  "tenants",
  "id-memory",
  "opening",
  "scans",
  "growth",
  "slow-disk",
  "slow-network",
  "overwrites",
  "burst",
  "stalls",
  "neighbours",
  "watch",
  "ledger",
  "typed",
  "runs",
  "checkpoints",
  "values",
  "memories",
  "artifacts",
  "shared-tenant",
  "replaces",
  "retention",
  "langgraph",
] as const;

export type SectionName = (typeof SECTIONS)[number];

export interface Options {
  readonly sections: readonly SectionName[];
  readonly quick: boolean;
  /** Where the report goes as well; `undefined` when it is only printed, "default" for bench/RESULTS.md. */
  readonly out: { readonly file: string } | "default" | undefined;
  /** Where the drawing goes, if it is wanted. */
  readonly drawing: string | undefined;
  readonly help: boolean;
}

/** What the command line asks for is not there. */
export class UsageError extends Error {}

export const USAGE = `Usage: npm run bench -- [options]

  --only <section>[,<section>]  ${SECTIONS.join(", ")}
  --quick                       everything small and short, to see that it works
  --out <file>                  where the report is written; a full run writes bench/RESULTS.md without it,
                                a run with --only or --quick only prints
  --drawing <file>              draws the saves of many callers as an SVG; needs the sections sqlite and postgres
  --help

  GROUNDSTATE_BENCH_POSTGRES    a server of your own (postgres://...), in which a database is made and dropped;
                                otherwise one is started
  GROUNDSTATE_BENCH_DATA        a folder for the files of the run; otherwise bench/.data, removed afterwards`;

export function readOptions(argv: readonly string[]): Options {
  const { only, quick = false, out, drawing, help = false } = parse(argv);
  const isFull = only === undefined && !quick;
  return {
    sections: only === undefined ? SECTIONS : readSections(only),
    quick,
    out: out === undefined ? (isFull ? "default" : undefined) : { file: readFile(out, "--out") },
    drawing: drawing === undefined ? undefined : readFile(drawing, "--drawing"),
    help,
  };
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options: {
        only: { type: "string" },
        quick: { type: "boolean" },
        out: { type: "string" },
        drawing: { type: "string" },
        help: { type: "boolean" },
      },
    }).values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function readSections(only: string): SectionName[] {
  const names = only.split(",").map((name) => name.trim());
  for (const name of names) {
    if (!(SECTIONS as readonly string[]).includes(name)) {
      throw new UsageError(`there is no section "${name}"; there are ${SECTIONS.join(", ")}`);
    }
  }
  return SECTIONS.filter((name) => names.includes(name));
}

function readFile(name: string, option: string): string {
  if (name === "") throw new UsageError(`${option} needs the name of a file`);
  return name;
}
