import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { expect, test } from "vitest";
import { ROOT } from "./pages.js";

const page = readFileSync(join(ROOT, "docs/errors.md"), "utf8");

/** The sections about codes, each with the text below it. */
const sections = new Map(
  page
    .split(/^### /m)
    .slice(1)
    .map((section) => {
      const [code = "", ...text] = section.split("\n");
      return [code, text.join("\n").split(/^## /m)[0] as string] as const;
    }),
);

const codes = allCodes();

test("every code has a section on the page, and no other word has", () => {
  expect(codes.length).toBeGreaterThan(20);
  expect([...sections.keys()].sort()).toEqual(codes);
});

test.each(codes)("the section on %s says when, what to do, and which status fits", (code) => {
  const text = sections.get(code) ?? "";
  for (const part of ["**When.**", "**What to do.**", "**HTTP status.**"]) expect(text).toContain(part);
});

test("the statuses of the sample are those of the sections", () => {
  const [, table = ""] = /const STATUS.*?= \{\n([\s\S]*?)\n\};/.exec(page) ?? [];
  const inSample = new Map([...table.matchAll(/(\w+): (\d+),/g)].map(([, code, status]) => [code, status]));
  const inSections = new Map(
    [...sections].map(([code, text]) => [code, /\*\*HTTP status\.\*\* (\d{3})/.exec(text)?.[1]]),
  );
  expect(inSample).toEqual(new Map([...inSample.keys()].map((code) => [code, inSections.get(code ?? "")])));
  expect([...inSample.keys()].sort()).toEqual(codes);
});

/** Of the store and of every wrapper: the members of `StateErrorDetails`, wherever it is declared. */
function allCodes(): string[] {
  const found: string[] = [];
  for (const name of readdirSync(join(ROOT, "src"), { recursive: true, encoding: "utf8" })) {
    if (!name.endsWith(".ts")) continue;
    const text = readFileSync(join(ROOT, "src", name), "utf8");
    if (!text.includes("StateErrorDetails")) continue;
    const visit = (node: ts.Node): void => {
      if (ts.isInterfaceDeclaration(node) && node.name.text === "StateErrorDetails") {
        found.push(...node.members.map((member) => (member.name as ts.Identifier).text));
      }
      ts.forEachChild(node, visit);
    };
    visit(ts.createSourceFile(name, text, ts.ScriptTarget.ES2022));
  }
  return found.sort();
}
