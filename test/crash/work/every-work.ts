import type { Work } from "../load.js";
import { Accounts } from "./accounts.js";
import { Attempts } from "./attempts.js";
import { Counters } from "./counters.js";
import { Journals } from "./journals.js";
import { Notes } from "./notes.js";
import { Removals } from "./removals.js";

/** One of each; what attempts were told is worth a look. */
export function everyWork(): { works: readonly Work[]; attempts: Attempts } {
  const attempts = new Attempts();
  const works = [new Counters(), new Journals(), new Accounts(), new Notes(), new Removals(), attempts];
  return { works, attempts };
}
