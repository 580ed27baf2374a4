import type { CallOptions, MaintenanceScope, StateStore } from "../contract/store.js";
import { scanKind } from "../store/scan-kind.js";
import type { Clock } from "../typed/time.js";
import { ChunkedContent, type ChunkKinds } from "./chunked-content.js";

/** Which uploads are removed, and how many at most. */
export interface AbandonedOptions extends CallOptions {
  /** How long nobody has gone on with them, in milliseconds. */
  readonly abandonedMs: number;
  readonly limit: number;
}

/** Removes uploads that nobody goes on with, and what deletions have left, with their chunks. Returns how many. */
export async function removeAbandoned(
  store: StateStore,
  scope: MaintenanceScope,
  kinds: ChunkKinds,
  now: Clock,
  { abandonedMs, limit, signal }: AbandonedOptions,
): Promise<number> {
  const before = now() - abandonedMs;
  let removed = 0;
  if (limit < 1) return removed;
  for await (const mark of scanKind(store, scope, kinds.uploads, { signal, bytes: false })) {
    if (mark.updatedAt.getTime() > before) continue;
    if (await new ChunkedContent(store, mark.identity, kinds, now).removeUpload(mark, { signal })) removed++;
    if (removed === limit) break;
  }
  return removed;
}
