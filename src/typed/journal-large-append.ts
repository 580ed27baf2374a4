import { changedMeanwhile } from "../contract/changed-meanwhile.js";
import type { CombinableOperation } from "./combined/perform-combined.js";
import { type AppendReceipt, appendOperation, type NewAppend, recallAppend } from "./journal-append.js";
import type { EncodedEntry, LargeValue } from "./journal-duplicates.js";
import type { KeptValue } from "./journal-elsewhere.js";

/** How the large values of an append are stored. */
interface LargeAppend {
  /** The receipt if the entries were appended before. IDEMPOTENCY_CONFLICT. */
  readonly recall: () => Promise<AppendReceipt | undefined>;
  readonly keep: (value: LargeValue) => Promise<KeptValue>;
}

/** Stores the large values of an append, unless it was made before, and returns what makes them visible with their entries. */
export async function largeAppend(
  append: NewAppend,
  { recall, keep }: LargeAppend,
): Promise<CombinableOperation<AppendReceipt>> {
  const mayBeKnown = append.encoded.some(({ isOwnId }) => isOwnId);
  if (mayBeKnown && (await recall()) !== undefined) return knownAppend(append);
  const kept: KeptValue[] = [];
  const clear = async () => {
    for (const value of kept) await value.clear();
  };
  const keepLarge = async (entry: EncodedEntry): Promise<EncodedEntry> => {
    if (entry.large === undefined) return entry;
    const value = await keep(entry.large);
    kept.push(value);
    return { ...entry, large: { ...entry.large, show: (...at) => value.show(...at) } };
  };
  const encoded: EncodedEntry[] = [];
  try {
    for (const entry of append.encoded) encoded.push(await keepLarge(entry));
  } catch (error) {
    await clear();
    throw error;
  }
  return {
    ...appendOperation({ ...append, encoded }),
    clear,
    async recall(transaction) {
      const earlier = await recallAppend(transaction, append);
      if (earlier !== undefined) transaction.afterCommit(clear);
      return earlier;
    },
  };
}

/** The values of an append that was made before are not stored again. */
function knownAppend(append: NewAppend): CombinableOperation<AppendReceipt> {
  return {
    ...appendOperation(append),
    async apply(transaction) {
      const earlier = await recallAppend(transaction, append);
      // It was taken back, trimmed or edited since a moment before.
      if (earlier === undefined) throw changedMeanwhile();
      return earlier;
    },
  };
}
