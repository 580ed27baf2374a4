import type { Results } from "../results.js";
import { figure, mebibytes, table } from "./markdown.js";

/** What was measured without racing, as Markdown. */
export function otherTexts({ scanMemory, overwrites, bursts }: Results): string[] {
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
  return texts;
}
