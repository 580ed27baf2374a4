// Writes the table of rules, which the cases make, into the page on drivers, and the table of the sentences that they hold
// into the page on the contract. Needs `npm run build` before.
import { readFileSync, writeFileSync } from "node:fs";
import { contractTable, rulesTable } from "groundstate/conformance";

write("docs/writing-a-driver.md", rulesTable());
write("docs/contract.md", contractTable());

function write(path, table) {
  const page = new URL(`../${path}`, import.meta.url);
  const text = readFileSync(page, "utf8");
  const place = /<!-- rules -->[\s\S]*?<!-- \/rules -->/;
  if (!place.test(text)) throw new Error(`${path} has no <!-- rules --> and <!-- /rules -->`);
  writeFileSync(
    page,
    text.replace(place, () => `<!-- rules -->\n${table.trim()}\n<!-- /rules -->`),
  );
}
