import type { CallOptions, RecordHeader } from "../contract/store.js";
import { decodeRecord } from "../typed/cell.js";
import { digestOf } from "../typed/names.js";
import { CHECKPOINT_CODEC, type CheckpointRecord } from "./checkpoint-record.js";
import { checkpointsOf, idIn, type Place } from "./kinds.js";
import { headersUnder } from "./paging.js";
import type { CheckpointRecords } from "./records.js";

type References = Pick<CheckpointRecord, "parent" | "parents" | "dependsOn">;

/** A checkpoint that is kept; with `until`, so are its ancestors up to that one. */
interface Visit {
  readonly header: RecordHeader;
  readonly until: string | undefined;
}

/** Which checkpoints of a lineage are kept: the last ones of each namespace, and those that a kept one refers to. */
export class KeptCheckpoints<V, Input> {
  readonly #records: CheckpointRecords<V, Input>;
  readonly #place: Place;
  readonly #keep: number;
  /** The digest of the only namespace that is pruned. */
  readonly #only: string | undefined;
  /** What each checkpoint refers to, by its event. A checkpoint never changes. */
  readonly #references = new Map<string, References | undefined>();
  #lineageEvent: string | undefined;
  #others: readonly RecordHeader[] = [];

  constructor(
    records: CheckpointRecords<V, Input>,
    place: Place,
    { keep, namespace }: { readonly keep: number; readonly namespace?: string },
  ) {
    this.#records = records;
    this.#place = place;
    this.#keep = keep;
    this.#only = namespace === undefined ? undefined : digestOf(namespace);
  }

  /** The checkpoints that are not kept, oldest first, as of this event of the lineage. CORRUPT. */
  async others(lineageEvent: string, options: CallOptions): Promise<readonly RecordHeader[]> {
    if (lineageEvent !== this.#lineageEvent) {
      this.#others = await this.#choose(options);
      this.#lineageEvent = lineageEvent;
    }
    return this.#others;
  }

  /** Checkpoints are gone that were seen. */
  outdate(): void {
    this.#lineageEvent = undefined;
  }

  /** These were removed. */
  forget(removed: readonly RecordHeader[]): void {
    this.#others = this.#others.filter((header) => !removed.includes(header));
  }

  async #choose(options: CallOptions): Promise<RecordHeader[]> {
    const namespaces = await this.#headers(options);
    const kept = new Set<RecordHeader>();
    const visits: Visit[] = [];
    for (const [namespace, headers] of namespaces) {
      const isPruned = this.#only === undefined || this.#only === namespace;
      for (const header of isPruned ? headers.slice(-this.#keep) : headers)
        visits.push({ header, until: undefined });
    }
    const byId = new Map(
      [...namespaces].map(([namespace, headers]) => [
        namespace,
        new Map(headers.map((header) => [idIn(header.eventId), header])),
      ]),
    );
    const seen = new Set<string>();
    for (let visit = visits.pop(); visit !== undefined; visit = visits.pop()) {
      const { header, until } = visit;
      const key = `${header.kind} ${until ?? ""}`;
      if (seen.has(key)) continue;
      seen.add(key);
      kept.add(header);
      const { parent, parents = {}, dependsOn } = await this.#read(header, options);
      const follow = (namespace: string, id: string | undefined, goal?: string) => {
        const found = id === undefined ? undefined : byId.get(namespace)?.get(id);
        if (found !== undefined) visits.push({ header: found, until: goal });
      };
      const own = this.#namespaceOf(header);
      for (const [namespace, id] of Object.entries(parents)) follow(digestOf(namespace), id);
      for (const goal of [until, dependsOn])
        if (goal !== undefined && goal !== idIn(header.eventId)) follow(own, parent, goal);
    }
    return [...namespaces.values()].flat().filter((header) => !kept.has(header));
  }

  /** All checkpoints by the digest of their namespace, oldest first. */
  async #headers(options: CallOptions): Promise<ReadonlyMap<string, RecordHeader[]>> {
    const { store } = this.#records;
    const { owner, lineage } = this.#place;
    const found = new Map<string, RecordHeader[]>();
    for await (const page of headersUnder(store, owner, checkpointsOf(lineage), options))
      for (const header of page) {
        const namespace = this.#namespaceOf(header);
        const headers = found.get(namespace) ?? [];
        found.set(namespace, headers);
        headers.push(header);
      }
    return found;
  }

  async #read(header: RecordHeader, options: CallOptions): Promise<References> {
    const known = this.#references.get(header.eventId);
    if (known !== undefined) return known;
    const stored = await this.#records.store.find(this.#place.owner, header.kind, options);
    if (stored?.eventId !== header.eventId) return {};
    const { parent, parents, dependsOn } = await decodeRecord(CHECKPOINT_CODEC, stored);
    const read = {
      ...(parent !== undefined && { parent }),
      ...(parents !== undefined && { parents }),
      ...(dependsOn !== undefined && { dependsOn }),
    };
    this.#references.set(header.eventId, read);
    return read;
  }

  #namespaceOf({ kind }: RecordHeader): string {
    return kind.slice(checkpointsOf(this.#place.lineage).length).split("/", 1)[0] as string;
  }
}
