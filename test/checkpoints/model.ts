import type { ChannelVersion } from "../../src/checkpoints/index.js";

/** A checkpoint as the model holds it. */
interface ModelCheckpoint {
  readonly id: string;
  readonly namespace: string;
  readonly number: number;
  readonly parent: string | undefined;
  readonly parents: Readonly<Record<string, string>>;
  readonly dependsOn: string | undefined;
  readonly values: ReadonlyMap<string, string>;
  readonly versions: ReadonlyMap<string, ChannelVersion>;
  readonly writes: Map<string, string>;
}

interface ModelLineage {
  next: number;
  checkpoints: ModelCheckpoint[];
}

/** A checkpoint to put. */
export interface ModelPut {
  readonly id: string;
  readonly namespace: string;
  readonly parent?: string;
  readonly inherit?: boolean;
  readonly without?: readonly string[];
  readonly values: Readonly<Record<string, string>>;
  readonly parents?: Readonly<Record<string, string>>;
  readonly dependsOn?: string;
}

/** What checkpoints should do, as plainly as it can be said: everything in maps, nothing shared. */
export class CheckpointModel {
  readonly lineages = new Map<string, ModelLineage>();

  put(lineage: string, put: ModelPut): void {
    const line = this.lineages.get(lineage) ?? { next: 1, checkpoints: [] };
    this.lineages.set(lineage, line);
    const parent = this.find(lineage, put.namespace, put.parent);
    const values = new Map(put.inherit ? parent?.values : []);
    const versions = new Map(put.inherit ? parent?.versions : []);
    for (const channel of put.without ?? []) {
      values.delete(channel);
      versions.delete(channel);
    }
    for (const [channel, value] of Object.entries(put.values)) {
      const before = parent?.versions.get(channel) as number | undefined;
      const isSame = parent?.values.get(channel) === value;
      values.set(channel, value);
      versions.set(channel, isSame ? (before ?? 1) : (before ?? 0) + 1);
    }
    const { id, namespace, parents = {}, dependsOn } = put;
    const number = line.next++;
    const refers = { parent: put.parent, parents, dependsOn };
    line.checkpoints.push({ id, namespace, number, ...refers, values, versions, writes: new Map() });
  }

  find(lineage: string, namespace: string, id: string | undefined): ModelCheckpoint | undefined {
    const all = this.lineages.get(lineage)?.checkpoints ?? [];
    return all.find((each) => each.id === id && each.namespace === namespace);
  }

  fork(lineage: string, to: string, upTo: number): void {
    const copies = this.lineages.get(lineage)?.checkpoints.filter(({ number }) => number <= upTo) ?? [];
    const checkpoints = copies.map((each) => ({ ...each, writes: new Map(each.writes) }));
    this.lineages.set(to, { next: upTo + 1, checkpoints });
  }

  prune(lineage: string, keep: number): number {
    const line = this.lineages.get(lineage);
    if (line === undefined) return 0;
    const kept = new Set<ModelCheckpoint>();
    const visit = (found: ModelCheckpoint | undefined) => {
      if (found === undefined || kept.has(found)) return;
      kept.add(found);
      for (const [namespace, id] of Object.entries(found.parents)) visit(this.find(lineage, namespace, id));
      if (found.dependsOn === undefined) return;
      for (let at: ModelCheckpoint | undefined = found; at !== undefined && at.id !== found.dependsOn; ) {
        at = this.find(lineage, found.namespace, at.parent);
        visit(at);
      }
    };
    for (const namespace of new Set(line.checkpoints.map((each) => each.namespace)))
      line.checkpoints
        .filter((each) => each.namespace === namespace)
        .slice(-keep)
        .forEach(visit);
    const before = line.checkpoints.length;
    line.checkpoints = line.checkpoints.filter((each) => kept.has(each));
    return before - line.checkpoints.length;
  }
}
