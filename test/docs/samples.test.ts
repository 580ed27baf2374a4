import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { typeFaults, withoutTypes } from "./checked.js";
import { commentPages } from "./comments.js";
import { type Page, ROOT, readPages } from "./pages.js";
import { type Sample, samplesOf } from "./samples.js";

const run = promisify(execFile);
const PROCESSES = 2;
const RUN_PROGRAMS = fileURLToPath(new URL("run-programs.mjs", import.meta.url));
/** Between what one program writes and what the next does. */
const PROGRAM_ENDED = "\u0004";

/** What a program wrote. */
interface Ran {
  readonly stdout: string | undefined;
  readonly stderr: string | undefined;
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
  const chains = chainsOf(samples.filter(({ isRun }) => isRun));
  const shared = chains.filter(sharesProcess).flat();
  const alone = chains.filter((chain) => !sharesProcess(chain)).values();
  const running = Array.from({ length: PROCESSES }, async (_, me) => {
    await runInOneProcess(shared.filter((__, index) => index % PROCESSES === me));
    for (const chain of alone) await runInProcesses(chain);
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
    const { stdout, stderr } = ran.get(sample) as Ran;
    expect(stderr).toBe("");
    // What ran before it in its process may have imported them.
    if (/\bopen(Store|Runtime)\(/.test(sample.code)) expect(sample.code).toContain("groundstate/drivers");
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

/** Each program with those that go on where it ended. */
function chainsOf(programs: readonly Sample[]): Sample[][] {
  const chains: Sample[][] = [];
  for (const program of programs) {
    if (program.goesOn) chains.at(-1)?.push(program);
    else chains.push([program]);
  }
  return chains;
}

/** Others may follow in the same process: it shares no module with them, and listens to nothing. */
function sharesProcess(chain: readonly Sample[]): boolean {
  return !chain.some(({ code, goesOn }) => goesOn || /from "\.|diagnostics_channel|process\.on/.test(code));
}

function runInOneProcess(programs: readonly Sample[]): Promise<void> {
  return runPrograms(programs.map((sample) => ({ sample, cwd: newFolder(sample) })));
}

/** Runs each program of a chain in a process of its own, one after the other. */
async function runInProcesses(chain: readonly Sample[]): Promise<void> {
  const cwd = newFolder(chain[0] as Sample);
  for (const sample of chain) await runPrograms([{ sample, cwd }]);
}

function newFolder({ page }: Sample): string {
  return mkdtempSync(join(folderOf(page), "run-"));
}

async function runPrograms(programs: readonly { sample: Sample; cwd: string }[]): Promise<void> {
  const given = programs.map(({ sample, cwd }) => ({ program: pathToFileURL(programOf(sample)).href, cwd }));
  const ended = run(process.execPath, [RUN_PROGRAMS, JSON.stringify(given)], { timeout: 200_000 });
  const { stdout, stderr } = await ended.catch((error: { stdout: string; stderr: string }) => error);
  const [said, complained] = [stdout.split(PROGRAM_ENDED), stderr.split(PROGRAM_ENDED)];
  for (const [index, { sample }] of programs.entries())
    ran.set(sample, { stdout: said[index], stderr: complained[index] });
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
