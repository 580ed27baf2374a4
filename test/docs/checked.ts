import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const AMBIENT = fileURLToPath(new URL("ambient.d.ts", import.meta.url));

const OPTIONS: ts.CompilerOptions = {
  strict: true,
  noEmit: true,
  skipLibCheck: true,
  allowJs: true,
  checkJs: true,
  target: ts.ScriptTarget.ES2022,
  lib: ["lib.es2023.d.ts", "lib.esnext.disposable.d.ts"],
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  moduleDetection: ts.ModuleDetectionKind.Force,
  types: ["node"],
};

/** JavaScript has nowhere to write a type, so that a parameter is allowed to be anything. */
const IMPLICIT_ANY = [7005, 7006, 7031, 7034];

/** What the compiler says of files, by their paths: `line: message`. The package's name has to lead to what was built. */
export function typeFaults(paths: readonly string[]): Map<string, string[]> {
  const program = ts.createProgram([AMBIENT, ...paths], { ...OPTIONS, typeRoots: typeRoots() });
  const faults = new Map<string, string[]>();
  for (const path of paths) {
    const source = program.getSourceFile(path);
    if (source === undefined) throw new Error(`the compiler did not read ${path}`);
    const found = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
    const isJs = /\.m?js$/.test(path);
    const shown = found
      .filter(({ code }) => !(isJs && IMPLICIT_ANY.includes(code)))
      .map(({ start = 0, messageText }) => {
        const { line } = source.getLineAndCharacterOfPosition(start);
        return `${line + 1}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`;
      });
    faults.set(path, shown);
  }
  return faults;
}

/** TypeScript as Node runs it, types left out and nothing else changed. */
export function withoutTypes(code: string): string {
  return ts.transpile(code, { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 });
}

function typeRoots(): string[] {
  return [join(dirname(AMBIENT), "../../node_modules/@types")];
}
