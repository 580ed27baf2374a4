import { expect, test } from "vitest";
import { readPages } from "./pages.js";

const statements = (path: string) =>
  [...(readPages().find((page) => page.path === path)?.text ?? "").matchAll(/^```sql\n(.*?)^```$/gms)].map(
    ([, block]) => block,
  );

test("the SQL of the checklist is that of the page on roles, which a test runs", () => {
  const shown = statements("docs/production.md");
  expect(shown).toHaveLength(2);
  expect(statements("docs/drivers/postgres-roles.md")).toEqual(expect.arrayContaining(shown));
});
