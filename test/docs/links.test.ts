import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { anchorsOf, linksOf } from "./links.js";
import { allPages, ROOT } from "./pages.js";

const pages = allPages();
const byPath = new Map(pages.map((page) => [page.path, page]));

test.each(pages.map((page) => [page.path, page] as const))("every link of %s leads somewhere", (_, page) => {
  const lost = linksOf(page).filter(({ target, anchor }) => {
    if (!existsSync(join(ROOT, target))) return true;
    const linked = byPath.get(target);
    return anchor !== undefined && !(linked && anchorsOf(linked).has(anchor));
  });
  expect(lost).toEqual([]);
});

test("every page of docs can be reached from the README", () => {
  const reached = new Set<string>();
  const next = ["README.md"];
  for (let path = next.pop(); path !== undefined; path = next.pop()) {
    const page = byPath.get(path);
    if (page === undefined || reached.has(path)) continue;
    reached.add(path);
    next.push(
      ...linksOf(page).map(({ target }) =>
        existsSync(join(ROOT, target, "README.md")) ? join(target, "README.md") : target,
      ),
    );
  }
  expect(
    pages.map(({ path }) => path).filter((path) => path.startsWith("docs/") && !reached.has(path)),
  ).toEqual([]);
});

test("every drawing of docs is shown by a page", () => {
  const shown = new Set(pages.flatMap((page) => linksOf(page).map(({ target }) => target)));
  const drawings = readdirSync(join(ROOT, "docs"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".svg") && !name.startsWith("api"))
    .map((name) => `docs/${name.replaceAll("\\", "/")}`);
  expect(drawings.filter((path) => !shown.has(path))).toEqual([]);
});

test("the README is read in five minutes: at most 12 KB", () => {
  expect(Buffer.byteLength(byPath.get("README.md")?.text ?? "")).toBeLessThanOrEqual(12 * 1024);
});

test("a link, a heading and what is in code are told apart", () => {
  const text = `# What \`find\` does, and how\n## A\n## A\n[a](b.md#c "t") \`[x](y)\` ![d](../e.svg) <img src="f.svg">\n\`\`\`\n[g](h)\n# No\n\`\`\`\n[web](https://a.b)`;
  const page = { path: "docs/page.md", text };
  expect(linksOf(page)).toEqual([
    { target: "docs/b.md", anchor: "c" },
    { target: "e.svg" },
    { target: "docs/f.svg" },
  ]);
  expect([...anchorsOf(page)]).toEqual(["what-find-does-and-how", "a", "a-1"]);
});
