import type { Random } from "../../conformance/inputs/seeded.js";
import type { FileContent } from "./file-content.js";

/** What no sync has made durable: a change of a file's content, or of the file that has a name (`undefined`: none). */
export type Unsynced = FileChange | { readonly name: string; readonly file: FileContent | undefined };
export type FileChange = { readonly file: FileContent } & (
  | { readonly offset: number; readonly bytes: Uint8Array }
  | { readonly size: number }
);

/**
 * What becomes of what is not synced yet when the power goes: it is lost, or all there, or some sectors of it in any
 * order, or what came first, down to a sector.
 */
export const REMAINDERS = ["nothing", "everything", "sectors", "beginning"] as const;
export type Remainder = (typeof REMAINDERS)[number];

/** Whether a sector of a change reaches the disk. A change of a name or of a size is one sector. */
export type Keeps = (sector: number) => boolean;

export const ALL: Keeps = () => true;
const NOTHING: Keeps = () => false;
const SECTOR = 512;
/** Of a file's sectors, in percent, where only some are kept. */
const SHARES = [0, 10, 50, 90, 100];
/** A change is torn within its first so many sectors. */
const TORN_WITHIN = 10;

/** What is kept of each of the changes, by its number. */
export function keeping(
  remainder: Remainder,
  changes: number,
  random: Random,
): (index: number, change: Unsynced) => Keeps {
  switch (remainder) {
    case "nothing":
      return () => NOTHING;
    case "everything":
      return () => ALL;
    case "beginning":
      return keepingBeginning(random(changes + 1), random(TORN_WITHIN));
    case "sectors":
      return keepingSectors(random);
  }
}

/** Some of a file's sectors, more or fewer. */
export function someSectors(random: Random): Keeps {
  const share = SHARES[random(SHARES.length)] as number;
  return () => random(100) < share;
}

/** Makes in a file what is kept of a change. */
export function put(content: FileContent, change: FileChange, keeps: Keeps): void {
  if ("size" in change) {
    if (keeps(0)) content.truncate(change.size);
    return;
  }
  const { offset, bytes } = change;
  for (let start = 0, sector = 0; start < bytes.byteLength; sector++) {
    const rest = SECTOR - ((offset + start) % SECTOR);
    const end = keeps === ALL ? bytes.byteLength : Math.min(bytes.byteLength, start + rest);
    if (keeps(sector)) content.write(offset + start, bytes.subarray(start, end));
    start = end;
  }
}

function keepingBeginning(last: number, sectors: number): (index: number) => Keeps {
  const torn: Keeps = (sector) => sector < sectors;
  return (index) => {
    if (index === last) return torn;
    return index < last ? ALL : NOTHING;
  };
}

function keepingSectors(random: Random): (index: number, change: Unsynced) => Keeps {
  const ofFiles = new Map<FileContent, Keeps>();
  const ofNames: Keeps = () => random(2) === 0;
  return (_, change) => {
    if ("name" in change) return ofNames;
    const keeps = ofFiles.get(change.file) ?? someSectors(random);
    ofFiles.set(change.file, keeps);
    return keeps;
  };
}
