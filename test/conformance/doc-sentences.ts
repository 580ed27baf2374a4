import { readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { ROOT } from "../docs/pages.js";

const TARGET = ts.ScriptTarget.ES2022;
const DOC_COMMENT = /\/\*\*[\s\S]*?\*\//g;

/** The sentences of the doc comments of what `groundstate` exports from this source. */
export function publicSentences(path: string): [declaration: string, sentences: readonly string[]][] {
  const isPublic = exportedFrom(path);
  const found = [...sentencesIn(readFileSync(join(ROOT, path), "utf8"))];
  return found.filter(([declaration]) => isPublic(declaration.split(".", 1)[0] as string));
}

/** Whether the entry of the package exports this name of the source. */
function exportedFrom(path: string): (name: string) => boolean {
  const entry = ts.createSourceFile("index.ts", readFileSync(join(ROOT, "src/index.ts"), "utf8"), TARGET);
  const from = `./${path.slice("src/".length, -".ts".length)}.js`;
  const names = entry.statements.flatMap((statement) => {
    if (!ts.isExportDeclaration(statement)) return [];
    if (!statement.moduleSpecifier || (statement.moduleSpecifier as ts.StringLiteral).text !== from)
      return [];
    const { exportClause } = statement;
    if (exportClause === undefined) return ["*"];
    return ts.isNamedExports(exportClause) ? exportClause.elements.map(({ name }) => name.text) : [];
  });
  return (name) => names.includes("*") || names.includes(name);
}

/**
 * The sentences of public doc comments, by the name of what they stand at: `StateStore.save`. Examples, other tags and what is
 * internal hold none.
 */
export function sentencesIn(text: string): Map<string, readonly string[]> {
  const source = ts.createSourceFile("source.ts", text, TARGET);
  const found = new Map<string, readonly string[]>();
  for (const { 0: comment, index } of text.matchAll(DOC_COMMENT)) {
    const owner = ownerOf(source, index);
    if (owner === undefined || comment.includes("@internal")) continue;
    found.set(owner, [...(found.get(owner) ?? []), ...split(comment)]);
  }
  return found;
}

/** The names of the declarations that a position lies in or before, joined by dots; nothing where the outermost is not exported. */
function ownerOf(source: ts.SourceFile, position: number): string | undefined {
  const names: string[] = [];
  let node: ts.Node | undefined = source.statements.find((statement) => isAround(statement, position));
  if (node === undefined || !isExported(node)) return undefined;
  while (node !== undefined) {
    const name = nameOf(node, source);
    if (name !== undefined) names.push(name);
    node = ts.forEachChild(node, (child) => (isAround(child, position) ? child : undefined));
  }
  return names.join(".");
}

/** What stands before a node belongs to it. */
function isAround(node: ts.Node, position: number): boolean {
  return node.getFullStart() <= position && position < node.end;
}

function isExported(node: ts.Node): boolean {
  const modifiers = ts.canHaveModifiers(node) ? ts.getModifiers(node) : undefined;
  return modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) ?? false;
}

function nameOf(node: ts.Node, source: ts.SourceFile): string | undefined {
  if (ts.isVariableStatement(node)) return node.declarationList.declarations[0]?.name.getText(source);
  const isNamed =
    ts.isInterfaceDeclaration(node) ||
    ts.isTypeAliasDeclaration(node) ||
    ts.isClassDeclaration(node) ||
    ts.isFunctionDeclaration(node) ||
    ts.isTypeElement(node) ||
    ts.isClassElement(node) ||
    ts.isPropertyAssignment(node);
  return isNamed ? node.name?.getText(source) : undefined;
}

/** A paragraph and a point of a list begin sentences of their own. */
function split(comment: string): string[] {
  const [text = ""] = comment
    .replace(/^\/\*\*|\*\/$/g, "")
    .replace(/^\s*\* ?/gm, "")
    .split(/^@/m);
  return text
    .split(/\n\s*\n|^- /m)
    .flatMap((paragraph) =>
      paragraph
        .replace(/\s+/g, " ")
        .trim()
        .split(/(?<=[.?!]) (?=["`(A-Z])/),
    )
    .filter((sentence) => sentence !== "");
}
