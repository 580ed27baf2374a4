import type { Results } from "../results.js";
import { figure, NONE, table } from "./markdown.js";

/** What is paid once: for a save that is remembered, for opening a store, for importing the package. As Markdown. */
export function costTexts({ idMemory, openings, imports }: Results): string[] {
  const texts: string[] = [];
  if (idMemory.length > 0) {
    const rows = idMemory.map(({ driver, saves, bytes }) => [driver, figure(saves), figure(bytes / saves)]);
    texts.push(
      "### What is remembered of a save",
      "Overwrites within the window, with ULIDs as event ids: tables and indexes beside those of the records.",
      table(["driver", "saves", "bytes per save"], rows),
    );
  }
  if (openings.length > 0) {
    const rows = openings.map(({ driver, firstMs, laterMs, connectMs, roundTrips }) => [
      driver,
      figure(firstMs),
      figure(laterMs),
      figure(connectMs),
      roundTrips === undefined ? NONE : String(roundTrips),
    ]);
    texts.push(
      "### Opening a store on a database that is there",
      "The first in a process loads the client's package. Connecting is the bare client's, with a first query.",
      table(["driver", "first ms", "later ms", "connecting ms", "round trips beyond connecting"], rows),
    );
  }
  if (imports.length > 0) {
    const rows = imports.map(({ entries, ms }) => [entries.join(", "), figure(ms)]);
    texts.push("### Importing the package in a new process", table(["entries", "ms"], rows));
  }
  return texts;
}
