import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { typeFaults, withoutTypes } from "./checked.js";
import { commentPages } from "./comments.js";
import { type Page, ROOT, readPages } from "./pages.js";
import { type Sample, samplesOf } from "./samples.js";

const run = promisify(execFile);
const PAGES_AT_ONCE = 2;

/** How a program ended. */
interface Ran {
  readonly stdout: string;
  readonly stderr: string;
  readonly code?: number | string;
}

// Inside the package, so that its own name leads to what was built.
mkdirSync(join(ROOT, "dist"), { recursive: true });
const folder = mkdtempSync(join(ROOT, "dist", "samples-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const byPage = [...readPages(), ...commentPages()]
  .map((page) => [page.path, samplesOf(page)] as const)
  .filter(([, samples]) => samples.length > 0);
const samples = byPage.flatMap(([, all]) => all);

let faults: Map<string, string[]>;
const ran = new Map<Sample, Ran>();

beforeAll(async () => {
  for (const sample of samples) {
    mkdirSync(folderOf(sample.page), { recursive: true });
    writeFileSync(pathOf(sample), sample.code);
    if (sample.language === "ts") writeFileSync(programOf(sample), withoutTypes(sample.code));
  }
  const pages = byPage.values();
  const running = Array.from({ length: PAGES_AT_ONCE }, async () => {
    for (const [page, all] of pages) await runPrograms(page, all);
  });
  faults = typeFaults(samples.map(pathOf));
  await Promise.all(running);
}, 240_000);

describe.each(byPage)("%s", (_, all) => {
  test.each(all.map((sample) => [sample.line, sample] as const))(
    "line %i has its types right",
    (_, sample) => {
      expect(faults.get(pathOf(sample))?.map((fault) => inPage(sample, fault))).toEqual([]);
    },
  );

  const programs = all.filter(({ isRun }) => isRun).map((sample) => [sample.line, sample] as const);
  test.each(programs)("line %i does what it says", (_, sample) => {
    const { stdout, ...rest } = ran.get(sample) as Ran;
    expect(rest).toEqual({ stderr: "" });
    if (sample.output !== undefined) expect(stdout).toBe(sample.output);
  });
});

describe("what is checked", () => {
  const NOTHING = { isRun: false, goesOn: false };
  const page = (text: string): Page => ({ path: "page.md", text });
  const block = (info: string, code = "x;") => `\`\`\`${info}\n${code}\n\`\`\`\n`;

  test("are blocks of TypeScript and JavaScript, in lists too", () => {
    const text = `${block("sh")}${block("ts")}- a\n\n  \`\`\`js\n  if (x) {\n    y;\n  }\n  \`\`\`\n${block("ts nocheck")}`;
    expect(samplesOf(page(text))).toEqual([
      { page: "page.md", line: 5, language: "ts", file: "line-5.ts", code: "x;\n", ...NOTHING },
      {
        page: "page.md",
        line: 10,
        language: "js",
        file: "line-10.mjs",
        code: "if (x) {\n  y;\n}\n",
        ...NOTHING,
      },
    ]);
  });

  test("is what a program prints, where a block says so", () => {
    const [sample, next] = samplesOf(
      page(`${block("ts run file=a.ts")}${block("text output", "1")}${block("ts")}`),
    );
    expect(sample).toMatchObject({ file: "a.ts", isRun: true, output: "1\n" });
    expect(next).not.toHaveProperty("output");
  });

  test.each([
    ["a mark that nobody knows", block("ts rnu")],
    ["a file of another language", block("ts file=a.js")],
    ["an output of nothing", block("ts") + block("text output")],
    ["JSON that does not parse", block("json", "{")],
    ["a block that does not end", "```ts\nx;\n"],
  ])("and %s is refused", (_, text) => {
    expect(() => samplesOf(page(text))).toThrow();
  });

  test("and a wrong type is found, in JavaScript too", () => {
    const made = join(folder, "wrong");
    mkdirSync(made);
    const files = [
      [
        "right.ts",
        `import { newEventId } from "groundstate";\nconst id: string = newEventId();\nawait store.erase(session);`,
      ],
      ["wrong.ts", `import { openStore } from "groundstate";\nawait openStore(1);`],
      ["wrong.mjs", `export const f = (x) => x;\nstore.sav();`],
    ] as const;
    for (const [name, code] of files) writeFileSync(join(made, name), `${code}\nexport {};\n`);
    const found = typeFaults(files.map(([name]) => join(made, name)));
    expect([...found].map(([path, list]) => [basename(path), list.length])).toEqual([
      ["right.ts", 0],
      ["wrong.ts", 1],
      ["wrong.mjs", 1],
    ]);
  });
});

/** One after the other: some go on where the one before them ended. */
async function runPrograms(page: string, all: readonly Sample[]): Promise<void> {
  let cwd = folderOf(page);
  for (const sample of all.filter(({ isRun }) => isRun)) {
    if (!sample.goesOn) cwd = mkdtempSync(join(folderOf(page), "run-"));
    const ended = run(process.execPath, [programOf(sample)], { cwd, timeout: 60_000 });
    ran.set(
      sample,
      await ended.catch(({ stdout, stderr, code, signal }) => ({ stdout, stderr, code: code ?? signal })),
    );
  }
}

function folderOf(page: string): string {
  return join(folder, page.replace(/\.md$/, "").replaceAll("/", "-"));
}

function pathOf({ page, file }: Sample): string {
  return join(folderOf(page), file);
}

/** What Node is given. */
function programOf(sample: Sample): string {
  return pathOf(sample).replace(/ts$/, "js");
}

/** `docs/sessions.md:17: ...`, for a fault of a line of the sample. */
function inPage({ page, line }: Sample, fault: string): string {
  const [, at = "1", message] = /^(\d+): ([\s\S]*)$/.exec(fault) ?? [];
  return `${page}:${line + Number(at) - 1}: ${message}`;
}
