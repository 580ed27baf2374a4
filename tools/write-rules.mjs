// Writes the table of rules, which the cases make, into the page on drivers. Needs `npm run build` before.
import { readFileSync, writeFileSync } from "node:fs";
import { rulesTable } from "groundstate/conformance";

const PAGE = new URL("../docs/writing-a-driver.md", import.meta.url);
const TABLE = /<!-- rules -->[\s\S]*?<!-- \/rules -->/;

const text = readFileSync(PAGE, "utf8");
if (!TABLE.test(text)) throw new Error("docs/writing-a-driver.md has no <!-- rules --> and <!-- /rules -->");
writeFileSync(
  PAGE,
  text.replace(TABLE, () => `<!-- rules -->\n${rulesTable().trim()}\n<!-- /rules -->`),
);
