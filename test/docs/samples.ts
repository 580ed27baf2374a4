import type { Page } from "./pages.js";

/**
 * A block of code in a page. What is done with it is said behind its language, where GitHub shows nothing of it:
 *
 * - ` ```ts `: its types are checked. It may use the names of `ambient.d.ts` without declaring them.
 * - ` ```ts run `: it is a whole program, which also has to end well. A ` ```text output ` block that follows it says
 *   what it prints.
 * - ` ```ts run continue `: it is run in the folder of the program before it, and finds the files of that.
 * - ` ```ts file=server.ts `: it is kept under this name, so that later blocks of the page can import `./server.js`.
 * - ` ```ts nocheck `: nothing is done with it.
 *
 * `js`, `mjs` and `mts` are the same. JSON has to parse. Other languages are left alone.
 */
export interface Sample {
  readonly page: string;
  /** Of its first line of code, from 1. */
  readonly line: number;
  readonly language: Language;
  readonly file: string;
  readonly code: string;
  readonly isRun: boolean;
  readonly goesOn: boolean;
  /** What it prints, where the page says so. */
  readonly output?: string;
}

type Language = "ts" | "js";

interface Block {
  readonly line: number;
  readonly words: readonly string[];
  readonly code: string;
}

const LANGUAGES: Readonly<Record<string, Language>> = { ts: "ts", mts: "ts", js: "js", mjs: "js" };
const EXTENSIONS: Readonly<Record<Language, RegExp>> = { ts: /\.m?ts$/, js: /\.m?js$/ };

/** The samples of a page that are to be checked. Throws where a mark is not known or the page is not well formed. */
export function samplesOf({ path, text }: Page): Sample[] {
  const samples: Sample[] = [];
  let last: Sample | undefined;
  for (const block of blocksOf(path, text)) {
    const [name = "", ...marks] = block.words;
    if (name === "json") JSON.parse(block.code);
    if (marks.includes("output")) {
      if (!last?.isRun)
        throw new Error(`${path}:${block.line}: an output that follows no program that is run`);
      samples[samples.length - 1] = { ...last, output: block.code };
    }
    last = sampleOf(path, block, name, marks);
    if (last !== undefined) samples.push(last);
  }
  return samples;
}

function sampleOf(path: string, { line, code }: Block, name: string, marks: string[]): Sample | undefined {
  const language = LANGUAGES[name];
  const file = marks.find((mark) => mark.startsWith("file="))?.slice("file=".length);
  const unknown = marks.filter(
    (mark) => !/^(run|continue|nocheck|file=[\w.-]+)$/.test(mark) && mark !== "output",
  );
  if (unknown.length > 0) throw new Error(`${path}:${line}: nobody knows the mark ${unknown.join(" ")}`);
  if (language === undefined || marks.includes("nocheck")) return undefined;
  if (file !== undefined && !EXTENSIONS[language].test(file)) {
    throw new Error(`${path}:${line}: ${file} is no name for ${language}`);
  }
  return {
    page: path,
    line,
    language,
    code,
    file: file ?? `line-${line}.${language === "ts" ? "ts" : "mjs"}`,
    isRun: marks.includes("run"),
    goesOn: marks.includes("continue"),
  };
}

function* blocksOf(path: string, text: string): Generator<Block> {
  const lines = text.split("\n");
  for (let at = 0; at < lines.length; at++) {
    const [, indent = "", fence, info = ""] = /^(\s*)(`{3,})(.*)$/.exec(lines[at] as string) ?? [];
    if (fence === undefined) continue;
    const begin = at + 1;
    do at++;
    while (at < lines.length && lines[at]?.trim() !== fence);
    if (at === lines.length) throw new Error(`${path}:${begin}: a block of code that does not end`);
    const code = lines.slice(begin, at).map((line) => line.slice(indent.length));
    yield { line: begin + 1, words: info.trim().split(/\s+/), code: `${code.join("\n")}\n` };
  }
}
