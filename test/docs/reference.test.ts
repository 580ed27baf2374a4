import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { ROOT, tool } from "../package/installed.js";
import { isSoak } from "../soak.js";

/** What `npm run docs` does, without writing the pages and without asking for the types once more. */
const build = (...options: string[]) =>
  tool("typedoc", "typedoc", ["--emit", "none", "--skipErrorChecking", ...options]);

test("the API reference is complete: every public name has a comment, and every link leads somewhere", async () => {
  const { code, out } = await build();
  expect({ code, out }).toEqual({ code: 0, out: expect.not.stringContaining("warning") });
}, 120_000);

test.runIf(isSoak)(
  "a public name without a comment is an error",
  async () => {
    const folder = await mkdtemp(join(tmpdir(), "reference-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    await writeFile(
      join(folder, "entry.ts"),
      "/** Said. */\nexport interface Said {\n  readonly bare: string;\n}\nexport const silent = 1;\n",
    );
    await writeFile(
      join(folder, "tsconfig.json"),
      '{ "compilerOptions": { "types": [] }, "files": ["entry.ts"] }',
    );
    const options = {
      extends: [join(ROOT, "typedoc.config.mjs")],
      tsconfig: "tsconfig.json",
      entryPoints: ["entry.ts"],
    };
    await writeFile(join(folder, "typedoc.json"), JSON.stringify(options));
    const { code, out } = await build("--options", join(folder, "typedoc.json"));
    expect(code).not.toBe(0);
    expect(out).toMatch(/Said\.bare .*does not have any documentation/);
    expect(out).toMatch(/silent .*does not have any documentation/);
  },
  120_000,
);
