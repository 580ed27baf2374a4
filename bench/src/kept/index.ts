import { EMBED } from "../embed.js";
import { addMemories } from "./add-memories.js";
import { bareRecords } from "./bare-records.js";
import { doOccurrences } from "./do-occurrences.js";
import { keepExpiring } from "./keep-expiring.js";
import { keepFacts } from "./keep-facts.js";
import type { KeptWork } from "./kept-work.js";
import { putArtifacts, saveContents } from "./put-contents.js";

const SMALL = Buffer.alloc(256, "a");

/** By the name of the entrant. */
export const VALUE_WORK: Readonly<Record<string, KeptWork>> = {
  "bare saves and loads": bareRecords(() => SMALL),
  "facts: put, get": keepFacts,
  "expiring: set, get": keepExpiring,
  "schedules: claimDue, finish": doOccurrences,
};

export const MEMORY_WORK: Readonly<Record<string, KeptWork>> = {
  "bare saves": bareRecords(() => SMALL),
  "memories: add": addMemories({}),
  "memories: add, with vectors of 256": addMemories({ embed: EMBED }),
};

export const CONTENT_WORK: Readonly<Record<string, KeptWork>> = {
  "bare saves and loads of as many bytes": saveContents,
  "artifacts: put, get": putArtifacts,
};

export const KEPT_WORK: Readonly<Record<string, KeptWork>> = {
  ...VALUE_WORK,
  ...MEMORY_WORK,
  ...CONTENT_WORK,
};
