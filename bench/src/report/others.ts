import type { Results } from "../results.js";
import { figure, mebibytes, table } from "./markdown.js";

/** What was measured without racing, as Markdown. */
export function otherTexts({ scanMemory, overwrites, bursts, ledgerFills, ledgerMemory }: Results): string[] {
  const texts: string[] = [];
  if (scanMemory.length > 0) {
    const rows = scanMemory.map(({ driver, records, addedBytes, seconds }) => [
      driver,
      figure(records),
      mebibytes(addedBytes),
      figure(seconds),
    ]);
    const head = ["driver", "records scanned", "memory added at its peak, MiB", "seconds"];
    texts.push("### scanKind over everything", table(head, rows));
  }
  for (const { overwrites: count, slots, windowMs, tenths, remembered } of overwrites) {
    const rows = tenths.map(({ perSecond, fileBytes }, index) => [
      index + 1,
      figure(perSecond),
      mebibytes(fileBytes),
    ]);
    texts.push(
      "### Overwrites on SQLite",
      `${figure(count)} saves over ${figure(slots)} slots, 256 bytes, 64 writers, idempotency window ${windowMs} ms; ` +
        `${figure(remembered)} event ids remembered at the end.`,
      table(["tenth", "saves per second", "file and log, MiB"], rows),
    );
  }
  if (bursts.length > 0) {
    const rows = bursts.map((burst) => [
      burst.driver,
      figure(burst.saves),
      figure(burst.seconds),
      figure(burst.acknowledged),
      figure(burst.lost),
      figure(burst.outOfOrder),
      mebibytes(burst.addedBytes),
      mebibytes(burst.peakBytes),
      figure(burst.loopMax),
    ]);
    const counts = ["acknowledged", "lost", "out of order"];
    const head = ["driver", "saves", "seconds", ...counts, "memory added, MiB", "peak, MiB", "loop max ms"];
    texts.push("### All saves asked for at once", table(head, rows));
  }
  if (ledgerFills.length > 0) {
    const rows = ledgerFills.map(({ driver, entries, callers, seconds }) => [
      driver,
      figure(entries),
      callers,
      figure(seconds),
      figure(entries / seconds),
    ]);
    const head = ["driver", "entries", "callers", "seconds", "entries per second"];
    texts.push(
      "### Recording a year in a ledger",
      "One tenant of 50 users who are busy all the time, 100 entries to a session, 20 models of 5 providers.",
      table(head, rows),
    );
  }
  if (ledgerMemory.length > 0) {
    const rows = ledgerMemory.map(({ driver, how, entries, addedBytes, seconds }) => [
      driver,
      how,
      figure(entries),
      mebibytes(addedBytes),
      figure(seconds),
    ]);
    const head = ["driver", "read", "entries", "memory added at its peak, MiB", "seconds"];
    texts.push("### A year by model and by day", table(head, rows));
  }
  return texts;
}
