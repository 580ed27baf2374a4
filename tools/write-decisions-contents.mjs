// Writes the links and titles of the table of contents in DECISIONS.md. Which entry belongs to which subject is said in
// the table itself: put `- [112]` under a subject, and run this.
import { readFileSync, writeFileSync } from "node:fs";
import { contentsOf } from "./decisions-contents.mjs";

const PAGE = new URL("../DECISIONS.md", import.meta.url);
const text = readFileSync(PAGE, "utf8");
const { contents, faults } = contentsOf(text);
if (faults.length > 0) throw new Error(`DECISIONS.md: ${faults.join("; ")}`);
writeFileSync(
  PAGE,
  text.replace(/<!-- contents -->[\s\S]*?<!-- \/contents -->/, () => contents),
);
