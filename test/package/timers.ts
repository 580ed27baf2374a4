import ts from "typescript";

/** What a test runner may fake, as it is looked up: names of `globalThis`, members of what is there, modules. */
const GLOBALS = new Set([
  "setTimeout",
  "setInterval",
  "setImmediate",
  "clearTimeout",
  "clearInterval",
  "clearImmediate",
  "queueMicrotask",
  "performance",
  "Date",
  "requestAnimationFrame",
  "requestIdleCallback",
]);
const MEMBERS = new Set(["process.nextTick", "process.hrtime", "AbortSignal.timeout"]);
const MODULES = /^(node:)?(timers|timers\/promises|perf_hooks)$/;
/** Types, and a time that is given; none of them asks a clock. */
const HARMLESS_OF_DATE = new Set(["UTC", "parse", "prototype"]);

/** The uses of clocks and timers that can be faked, as `file:line what`; a name that the file imports or declares is its own. */
export function fakedUses(file: string, text: string): string[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const own = declaredIn(source);
  const found: string[] = [];
  const note = (node: ts.Node, what: string) => {
    const { line } = source.getLineAndCharacterOfPosition(node.getStart());
    found.push(`${file}:${line + 1} ${what}`);
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) {
      const from = node.moduleSpecifier;
      if (from !== undefined && ts.isStringLiteral(from) && MODULES.test(from.text)) note(node, from.text);
      return;
    }
    if (ts.isTypeNode(node)) return;
    if (ts.isPropertyAccessExpression(node)) {
      const name = node.getText();
      if (MEMBERS.has(name)) note(node, name);
    }
    if (ts.isIdentifier(node) && isLookedUp(node) && GLOBALS.has(node.text) && !own.has(node.text)) {
      if (node.text !== "Date" || asksTheClock(node)) note(node, node.text);
    }
    ts.forEachChild(node, visit);
  };
  ts.forEachChild(source, visit);
  return found;
}

/** What imports and declarations call by these names. */
function declaredIn(source: ts.SourceFile): ReadonlySet<string> {
  const names = new Set<string>();
  const visit = (node: ts.Node): void => {
    const isNamed =
      ts.isImportSpecifier(node) ||
      ts.isVariableDeclaration(node) ||
      ts.isFunctionDeclaration(node) ||
      ts.isBindingElement(node);
    if (isNamed && node.name !== undefined && ts.isIdentifier(node.name)) names.add(node.name.text);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return names;
}

/** Not the name of a member, a property or a parameter; `globalThis.setTimeout` is looked up all the same. */
function isLookedUp(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent) && parent.name === node)
    return /^(globalThis|global|window|self)$/.test(parent.expression.getText());
  const isName =
    ts.isPropertyAssignment(parent) ||
    ts.isMethodDeclaration(parent) ||
    ts.isPropertySignature(parent) ||
    ts.isPropertyDeclaration(parent) ||
    ts.isParameter(parent);
  return !(isName && parent.name === node);
}

/** `Date.now`, `Date()` and `new Date()`; `new Date(time)` and `instanceof Date` ask nothing. */
function asksTheClock({ parent }: ts.Identifier): boolean {
  if (ts.isPropertyAccessExpression(parent)) return !HARMLESS_OF_DATE.has(parent.name.text);
  if (ts.isNewExpression(parent)) return (parent.arguments?.length ?? 0) === 0;
  return ts.isCallExpression(parent);
}
