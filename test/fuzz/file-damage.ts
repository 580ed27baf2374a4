import type { Choices } from "./choices.js";
import type { Files } from "./image.js";

const PAGE = 4096;
const SECTOR = 512;
const HEADER = 100;
const LOG_HEADER = 32;
const FRAME = 24 + PAGE;

/** What may happen to the files of a database, another one's being there to take something from. */
export type FileDamage = (files: Files, choices: Choices, other: Files) => Files;

/** Of the database file itself, with a log beside it or without. */
export const DATABASE_DAMAGES: Readonly<Record<string, FileDamage>> = {
  "cut off": database((bytes, choices) => {
    const lengths = [0, 1, 15, 16, 17, 99, HEADER, 101, SECTOR, SECTOR + 1, PAGE - 1, bytes.length - 1];
    const page = choices.between(1, bytes.length / PAGE - 1) * PAGE;
    const within = choices.between(1, PAGE - 1);
    return bytes.subarray(0, choices.one([choices.one(lengths), page, page, page + within, page + within]));
  }),
  lengthened: database((bytes, choices) =>
    Buffer.concat([bytes, noise(choices.one([1, SECTOR, PAGE, 3 * PAGE]), choices)]),
  ),
  "header bytes": database((bytes, choices) => {
    for (let left = choices.between(1, 4); left > 0; left--)
      bytes[choices.below(HEADER)] = choices.below(256);
    return bytes;
  }),
  "another application's": database((bytes, choices) => {
    bytes.writeInt32BE(choices.one([0, 1, -1, 0x47535442]), 68);
    return bytes;
  }),
  "a schema version": database((bytes, choices) => {
    bytes.writeInt32BE(choices.one([0, 1, 2, 4, -1, 0x7fffffff]), 60);
    return bytes;
  }),
  bits: database((bytes, choices) => {
    for (let left = choices.between(1, 3); left > 0; left--)
      flip(bytes, choices.below(bytes.length), choices);
    return bytes;
  }),
  "some bytes": database((bytes, choices) =>
    overwrite(bytes, choices.below(bytes.length), choices.between(1, 64), choices),
  ),
  "the head of a page": database((bytes, choices) => {
    const start = pageOf(bytes, choices) * PAGE;
    flip(bytes, (start === 0 ? HEADER : start) + choices.below(12), choices);
    return bytes;
  }),
  "where a page's cells begin": database((bytes, choices) => {
    const start = pageOf(bytes, choices) * PAGE;
    flip(bytes, (start === 0 ? HEADER : start) + 8 + choices.below(60), choices);
    return bytes;
  }),
  "an index's keys": database((bytes, choices) => {
    const start = choices.one(pagesOfIndexes(bytes)) * PAGE;
    for (let left = choices.between(1, 3); left > 0; left--)
      flip(bytes, start + choices.between(PAGE >> 1, PAGE - 1), choices);
    return bytes;
  }),
  "pages of indexes, swapped": database((bytes, choices) =>
    swapPages(bytes, ...choices.two(pagesOfIndexes(bytes))),
  ),
  "the schema's text": database((bytes, choices) => {
    const from = bytes.indexOf("CREATE");
    flip(bytes, choices.between(from, PAGE - 1), choices);
    return bytes;
  }),
  "a page of noise": database((bytes, choices) =>
    overwrite(bytes, pageOf(bytes, choices) * PAGE, PAGE, choices),
  ),
  "a page of zeros": database((bytes, choices) => {
    const start = pageOf(bytes, choices) * PAGE;
    return bytes.fill(0, start, start + PAGE);
  }),
  "a sector of noise": database((bytes, choices) =>
    overwrite(bytes, choices.below(bytes.length / SECTOR) * SECTOR, SECTOR, choices),
  ),
  "a sector of zeros": database((bytes, choices) => {
    const start = choices.below(bytes.length / SECTOR) * SECTOR;
    return bytes.fill(0, start, start + SECTOR);
  }),
  "pages, swapped": database((bytes, choices) => {
    return swapPages(bytes, pageOf(bytes, choices), pageOf(bytes, choices));
  }),
  "a page over another": database((bytes, choices) => {
    const from = pageOf(bytes, choices) * PAGE;
    return bytes.copyWithin(pageOf(bytes, choices) * PAGE, from, from + PAGE);
  }),
};

/** Of a log beside a sound database: all it can do is end earlier. */
export const LOG_DAMAGES: Readonly<Record<string, FileDamage>> = {
  "cut off": log((bytes, choices) => {
    const frames = (bytes.length - LOG_HEADER) / FRAME;
    const frame = LOG_HEADER + choices.below(frames) * FRAME;
    const lengths = [0, 1, LOG_HEADER - 1, LOG_HEADER, bytes.length - 1];
    const within = frame + choices.one([1, 23, 24, 25, 24 + SECTOR, FRAME - 1, choices.below(FRAME)]);
    return bytes.subarray(0, choices.one([choices.one(lengths), frame, within, within]));
  }),
  "a bit": log((bytes, choices) => flip(bytes, choices.below(bytes.length), choices)),
  "its header": log((bytes, choices) => flip(bytes, choices.below(LOG_HEADER), choices)),
  "the head of a frame": log((bytes, choices) =>
    flip(bytes, frameOf(bytes, choices) + choices.below(24), choices),
  ),
  "a frame of noise": log((bytes, choices) => overwrite(bytes, frameOf(bytes, choices), FRAME, choices)),
  "a sector of zeros": log((bytes, choices) => {
    const start = choices.below(Math.floor(bytes.length / SECTOR)) * SECTOR;
    return bytes.fill(0, start, start + SECTOR);
  }),
  "frames, swapped": log((bytes, choices) => {
    const one = frameOf(bytes, choices);
    const other = frameOf(bytes, choices);
    const kept = Buffer.from(bytes.subarray(one, one + FRAME));
    bytes.copyWithin(one, other, other + FRAME);
    kept.copy(bytes, other);
    return bytes;
  }),
  "a frame again": log((bytes, choices) => {
    const from = frameOf(bytes, choices);
    return bytes.copyWithin(frameOf(bytes, choices), from, from + FRAME);
  }),
  "noise behind its end": log((bytes, choices) =>
    Buffer.concat([bytes, noise(choices.between(1, 2 * FRAME), choices)]),
  ),
  "all of it noise": log((bytes, choices) => noise(bytes.length, choices)),
  emptied: ({ database }) => ({ database, log: Buffer.alloc(0) }),
  gone: ({ database }) => ({ database }),
};

/** Of what SQLite makes anew whenever nobody has the database open, so that nothing may come of it. */
export const HARMLESS_DAMAGES: Readonly<Record<string, FileDamage>> = {
  "shared memory of noise": (files, choices) => ({
    ...files,
    shared: noise(choices.one([1, 136, 32_768, 65_536]), choices),
  }),
  "shared memory of zeros": (files, choices) => ({
    ...files,
    shared: Buffer.alloc(choices.one([0, 32_768])),
  }),
};

/** What belongs to another database fits, and cannot be told from what belongs here. */
export const FOREIGN_DAMAGES: Readonly<Record<string, FileDamage>> = {
  "a page of another database": (files, choices, other) => {
    const bytes = Buffer.from(files.database);
    const from = pageOf(other.database, choices) * PAGE;
    other.database.copy(bytes, pageOf(bytes, choices) * PAGE, from, from + PAGE);
    return { ...files, database: bytes };
  },
  "the log of another database": ({ database }, _, other) => ({
    database,
    ...(other.log ? { log: other.log } : {}),
  }),
};

function database(change: (bytes: Buffer, choices: Choices) => Buffer): FileDamage {
  return (files, choices) => ({ ...files, database: change(Buffer.from(files.database), choices) });
}

function log(change: (bytes: Buffer, choices: Choices) => Buffer): FileDamage {
  return ({ log, ...files }, choices) => ({ ...files, log: change(Buffer.from(log as Buffer), choices) });
}

function pageOf(bytes: Buffer, choices: Choices): number {
  return choices.below(Math.floor(bytes.length / PAGE));
}

/** https://www.sqlite.org/fileformat2.html#b_tree_pages: a page of an index begins with 2 or, a leaf, 10. */
function pagesOfIndexes(bytes: Buffer): readonly number[] {
  const pages = Array.from({ length: bytes.length / PAGE - 1 }, (_, index) => index + 1);
  return pages.filter((page) => bytes[page * PAGE] === 2 || bytes[page * PAGE] === 10);
}

function swapPages(bytes: Buffer, one: number, other: number): Buffer {
  const kept = Buffer.from(bytes.subarray(one * PAGE, (one + 1) * PAGE));
  bytes.copyWithin(one * PAGE, other * PAGE, (other + 1) * PAGE);
  kept.copy(bytes, other * PAGE);
  return bytes;
}

function frameOf(bytes: Buffer, choices: Choices): number {
  return LOG_HEADER + choices.below((bytes.length - LOG_HEADER) / FRAME) * FRAME;
}

function flip(bytes: Buffer, at: number, choices: Choices): Buffer {
  bytes[at] = (bytes[at] as number) ^ (1 << choices.below(8));
  return bytes;
}

function overwrite(bytes: Buffer, from: number, length: number, choices: Choices): Buffer {
  noise(length, choices).copy(bytes, from);
  return bytes;
}

/** From one choice, however long: xorshift (Marsaglia 2003). */
function noise(length: number, choices: Choices): Buffer {
  let word = choices.below(0x7fffffff) + 1;
  const bytes = Buffer.alloc(length);
  for (let index = 0; index < length; index++) {
    word ^= word << 13;
    word ^= word >>> 17;
    word ^= word << 5;
    bytes[index] = word;
  }
  return bytes;
}
