import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

/** Where so many processes meet; each goes there as `me`. For their `args`. */
export function meetingOf(count: number): { readonly place: string; readonly count: number } {
  const place = mkdtempSync(join(tmpdir(), "meeting-"));
  onTestFinished(() => rmSync(place, { recursive: true }));
  return { place, count };
}

/** Source for processes whose `args` have a `meeting`, and their name as `me`: waits for all others to be there. */
export const MEET = `
  const { readdirSync, writeFileSync } = await import("node:fs");
  writeFileSync(args.meeting.place + "/" + args.me, "");
  while (readdirSync(args.meeting.place).length < args.meeting.count)
    await new Promise((resolve) => setTimeout(resolve, 1));
`;
