import type { CallOptions } from "../contract/store.js";
import { RunningDigest } from "./running-digest.js";
import { type ContentSource, chunksOf } from "./source.js";

const DIGESTED_AT_ONCE = 1024 * 1024;

/** Reads a source that is not stored. */
export async function digestOfSource(source: ContentSource, { signal }: CallOptions): Promise<RunningDigest> {
  const digest = new RunningDigest();
  for await (const chunk of chunksOf(source, DIGESTED_AT_ONCE, signal)) digest.add(chunk);
  return digest;
}
