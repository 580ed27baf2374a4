/**
 * What a table of RELIABILITY.md cites and the tests do not have: files `name.test.ts`, and names of tests in quotes. In a
 * name, `...`, `…`, `%s` and `$field` stand for any text.
 */
export function missingTests(text: string, tests: ReadonlyMap<string, string>): string[] {
  const everything = plain([...tests.values()].join("\n"));
  const cells = text
    .split("\n")
    .filter((line) => line.startsWith("| "))
    .map((line) => line.replace(/ \|$/, "").split(" | ").at(-1) as string);
  return cells.flatMap((cell) => [
    ...[...cell.matchAll(/[\w./-]+\.test\.ts/g)]
      .map(([file]) => file)
      .filter((file) => !hasFile(tests, file)),
    ...[...cell.matchAll(/"([^"]{6,})"/g)]
      .map(([, name = ""]) => name)
      .filter((name) => !partsOf(name).every((part) => everything.includes(plain(part)))),
  ]);
}

function hasFile(tests: ReadonlyMap<string, string>, file: string): boolean {
  return tests.has(file) || [...tests.keys()].some((path) => path.endsWith(`/${file}`));
}

function partsOf(name: string): string[] {
  return name
    .split(/\.\.\.|…|%[a-z]|\$\w+/)
    .map((part) => part.trim())
    .filter((part) => part !== "");
}

/** A name may be broken over lines, and quotes in it escaped. */
function plain(text: string): string {
  return text.replaceAll("\\", "").replace(/\s+/g, " ");
}
