import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, expect, test } from "vitest";
import { rulesTable } from "../conformance/index.js";

const root = fileURLToPath(new URL("..", import.meta.url));
const readme = readFileSync(join(root, "README.md"), "utf8");
const run = promisify(execFile);

// Inside the package, so that its own name leads to it.
mkdirSync(join(root, "dist"), { recursive: true });
const folder = mkdtempSync(join(root, "dist", "readme-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("the twenty lines do what they say", async () => {
  // They hold no types, and so are JavaScript as well.
  writeFileSync(join(folder, "example.mjs"), blockWith("ts", "another tenant sees nothing"));
  const { stdout } = await run(process.execPath, ["example.mjs"], { cwd: folder });
  expect(stdout).toBe("another tenant sees nothing\n");
});

test.each([
  ["sessions", "2 Three., 3 Which?\nOpen invoices\nundefined\n"],
  ["approvals", "approved\n9000 DIGEST_MISMATCH\n250 claimed\n250 ALREADY_CLAIMED\n"],
  ["ledger", "user: 0.013 spent\nopus 0.013, mini 0.0000000375, total 0.0130000375\n"],
])("the page on %s does what it says", async (wrapper, output) => {
  writeFileSync(join(folder, `${wrapper}.mjs`), blockWith("js", `from "groundstate/${wrapper}"`));
  expect((await run(process.execPath, [`${wrapper}.mjs`], { cwd: folder })).stdout).toBe(output);
});

test("a subscriber hears what the page says", async () => {
  writeFileSync(join(folder, "events.mjs"), blockWith("js", "subscribe(DIAGNOSTICS.operation"));
  const { stdout } = await run(process.execPath, ["events.mjs"], { cwd: folder });
  expect(stdout).toBe("apply of 1 with 0 waiting\nmemory save ok 5 bytes\n");
});

test("the wrapper of one's own has at most 50 lines, and works", async () => {
  const facts = blockWith("js", "export function createFacts");
  expect(facts.trim().split("\n").length).toBeLessThanOrEqual(50);
  writeFileSync(join(folder, "facts.mjs"), facts);
  writeFileSync(
    join(folder, "use-facts.mjs"),
    `import { openStore } from "groundstate";
    import "groundstate/drivers";
    import { createFacts } from "./facts.mjs";
    const store = await openStore("memory:");
    const facts = createFacts(store);
    const ada = { tenant: "acme", user: "ada" };
    const learned = { name: "city", text: "lives in Oslo" };
    await Promise.all(Array.from({ length: 20 }, () => facts.learn(ada, learned)));
    for (let time = 0; time < 2; time++) await facts.learn(ada, { ...learned, id: "e1" });
    await facts.learn(ada, { name: "a/b", text: "x" });
    const seen = async () => [await facts.count(ada), (await facts.all(ada)).map(({ id, value }) => [id, value.confirmed])];
    console.log(JSON.stringify([await seen(), (await facts.history(ada)).length]));
    console.log(JSON.stringify([await facts.forget(ada, "city"), await facts.forget(ada, "city"), await seen()]));
    console.log(await facts.count({ tenant: "acme", user: "bob" }));
    await store.close();`,
  );
  const { stdout } = await run(process.execPath, ["use-facts.mjs"], { cwd: folder });
  expect(stdout).toBe('[[2,[["a/b",1],["city",21]]],22]\n[true,false,[1,[["a/b",1]]]]\n0\n');
});

test("the driver of the page on drivers has less than 100 lines, and passes, also beside another's data", async () => {
  const driver = blockWith("js", "class MapDriver");
  expect(driver.trim().split("\n").length).toBeLessThan(100);
  writeFileSync(join(folder, "driver.mjs"), driver);
  // Without another's data it passes in the next test.
  const { stdout } = await run(process.execPath, [
    join(root, "dist/conformance/cli.js"),
    "conformance",
    join(folder, "driver.mjs"),
    "--beside",
    "--json",
  ]);
  const report = JSON.parse(stdout) as { passed: number; failed: number };
  expect(report.failed).toBe(0);
  expect(report.passed).toBeGreaterThan(100);
}, 120_000);

test("the suite runs under node:test as shown", async () => {
  writeFileSync(join(folder, "driver.mjs"), blockWith("js", "class MapDriver"));
  writeFileSync(join(folder, "driver.test.mjs"), blockWith("js", "conformanceNodeTests"));
  const { stdout } = await run(process.execPath, ["--test", "--test-reporter=tap", "driver.test.mjs"], {
    cwd: folder,
    maxBuffer: 2 ** 24,
  });
  expect(stdout).toMatch(/^# pass [1-9]\d\d$/m);
  expect(stdout).toMatch(/^# fail 0$/m);
}, 120_000);

test("the table of rules is the one the cases make", () => {
  const [, table] = /<!-- rules -->([\s\S]*?)<!-- \/rules -->/.exec(readme) ?? [];
  expect(table?.trim(), "put there what `npx groundstate conformance --rules` prints").toBe(
    rulesTable().trim(),
  );
});

function blockWith(language: string, text: string): string {
  const blocks = readme.matchAll(new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\`\`\``, "g"));
  for (const [, code] of blocks) if (code?.includes(text)) return code;
  throw new Error(`the README has no block of ${language} with: ${text}`);
}
