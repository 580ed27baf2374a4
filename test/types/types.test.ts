import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { beforeAll, expect, test } from "vitest";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const ROOT = join(HERE, "../..");
const FILES = readdirSync(HERE).filter((name) => name.endsWith(".test-d.ts"));

/** Each has to be found: a wrong type, an error that is expected and does not come, a type that is another. */
const WRONG: Readonly<Record<string, string>> = {
  "wrong-call.ts": `import { openStore } from "../../src/index.js";\nawait openStore(1);`,
  "wrong-expectation.ts": `import { openStore } from "../../src/index.js";\n// @ts-expect-error: this is right\nawait openStore("memory:");`,
  "wrong-type.ts": `import { expectTypeOf } from "vitest";\nexpectTypeOf<{ a: 1 }>().toEqualTypeOf<{ a?: 1 }>();`,
};

let faults: Map<string, string[]>;

beforeAll(() => {
  const { config } = ts.readConfigFile(join(ROOT, "tsconfig.json"), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent({ ...config, include: [], files: [] }, ts.sys, ROOT);
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists } = host;
  const madeUp = (path: string) => WRONG[path.slice(HERE.length)];
  host.fileExists = (path) => madeUp(path) !== undefined || fileExists.call(host, path);
  host.getSourceFile = (path, ...rest) => {
    const text = madeUp(path);
    return text === undefined
      ? getSourceFile.call(host, path, ...rest)
      : ts.createSourceFile(path, `${text}\nexport {};\n`, ts.ScriptTarget.ES2022);
  };
  const paths = [...FILES, ...Object.keys(WRONG)].map((name) => join(HERE, name));
  const program = ts.createProgram(paths, options, host);
  faults = new Map(
    paths.map((path) => {
      const source = program.getSourceFile(path) as ts.SourceFile;
      const found = program.getSemanticDiagnostics(source).map(({ start = 0, messageText }) => {
        const { line } = source.getLineAndCharacterOfPosition(start);
        return `${line + 1}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`;
      });
      return [path.slice(HERE.length), found];
    }),
  );
}, 120_000);

test.each(FILES)("%s: the types promise what it says, and refuse what it says", (name) => {
  expect(faults.get(name)).toEqual([]);
});

test.each(Object.keys(WRONG))("%s is found", (name) => {
  expect(faults.get(name)).toHaveLength(1);
});
