import { isStateError } from "../../contract/errors.js";
import type { CallOptions, Identity, RecordHeader, StateStore } from "../../contract/store.js";
import { DamageLog } from "../damage.js";

/** Which records are exported, and how. */
export interface EachExport {
  /** Whose they are. */
  readonly owner: Identity;
  /** What their kinds begin with. */
  readonly prefix: string;
  /** The items of one record: none if it is gone. NOT_FOUND if it is removed while it is read, and CORRUPT. */
  readonly itemsOf: (header: RecordHeader) => AsyncIterable<object>;
}

const PAGE = 500;

/** The items of all records under a prefix, each as JSON. CORRUPT in the end, if some are damaged. */
export async function* exportEach(
  store: StateStore,
  { owner, prefix, itemsOf }: EachExport,
  { signal }: CallOptions,
): AsyncGenerator<string, void, undefined> {
  const damage = new DamageLog();
  for (let range: { after?: string } = {}; ; ) {
    const page = await store.list(owner, prefix, { ...range, limit: PAGE, bytes: false, signal });
    for (const header of page) yield* textsOf(itemsOf(header), damage);
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE) break;
    range = { after: last.kind };
  }
  damage.throwFirst();
}

/** The items of a record until it is gone, or as far as it is not damaged. */
async function* textsOf(
  items: AsyncIterable<object>,
  damage: DamageLog,
): AsyncGenerator<string, void, undefined> {
  try {
    for await (const item of items) yield JSON.stringify(item);
  } catch (error) {
    if (!isStateError(error, "NOT_FOUND")) damage.add(error);
  }
}
