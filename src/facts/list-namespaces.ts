import type { CallOptions, Identity, ListOptions, StateStore } from "../contract/store.js";
import type { NamespacePage } from "./fact.js";
import { kindPast, partsOf, pathIn, positionOf } from "./namespace-path.js";

/** Which namespaces are listed. */
interface NamespaceRange extends CallOptions {
  /** What the kinds of their facts begin with. */
  readonly prefix: string;
  /** Only those whose facts lie from this kind on. */
  readonly from: string | undefined;
  readonly limit: number;
}

/** Facts that are looked at in one read, without their values: all of small namespaces, the first ones of a large one. */
const HEADERS = 32;

/**
 * The namespaces that have facts. It leaps over the facts of each: the cost is that of the namespaces, however many facts they
 * have. CORRUPT.
 */
export async function listNamespaces(
  store: StateStore,
  owner: Identity,
  { prefix, from, limit, signal }: NamespaceRange,
): Promise<NamespacePage> {
  const paths: string[] = [];
  for (let range: Pick<ListOptions, "from"> = { from }; ; ) {
    const page = await store.list(owner, prefix, { ...range, limit: HEADERS, signal, bytes: false });
    for (const header of page) {
      const path = pathIn(header);
      if (path === paths.at(-1)) continue;
      if (paths.length === limit)
        return { namespaces: paths.map(partsOf), next: positionOf(kindPast(paths.at(-1) as string)) };
      paths.push(path);
    }
    if (page.length < HEADERS) return { namespaces: paths.map(partsOf) };
    range = { from: kindPast(paths.at(-1) as string) };
  }
}
