import { expect, test } from "vitest";
import "../../drivers/index.js";
import { type Random, seeded } from "../../conformance/inputs/seeded.js";
import { type Checkpoints, createCheckpoints } from "../../src/checkpoints/index.js";
import { openStore, type SessionIdentity, type StateStore } from "../../src/index.js";

import { isSoak, soak } from "../soak.js";

import { newSession } from "../typed/stores.js";
import { CheckpointModel, type ModelPut } from "./model.js";

const STEPS = 60;
const LINEAGES = ["a", "b", "c"];
const NAMESPACES = ["", "sub"];
const CHANNELS = Array.from({ length: 30 }, (_, index) => `channel ${index}`);
/** Few different values, so that they come back; one that lies in chunks. */
const VALUES = ["one", "two", "three", "four", "long ".repeat(500)];

/** Random calls, on the wrapper and on the model. */
class Play {
  readonly #random: Random;
  readonly #saved: Checkpoints;
  readonly #who: SessionIdentity;
  readonly #model = new CheckpointModel();
  #ids = 0;

  constructor(seed: number, store: StateStore, who: SessionIdentity) {
    this.#random = seeded(seed);
    this.#saved = createCheckpoints(store);
    this.#who = who;
  }

  async step(): Promise<void> {
    const kind = this.#random(20);
    if (kind < 12) await this.#put();
    else if (kind < 15) await this.#write();
    else if (kind < 16) await this.#fork();
    else if (kind < 19) await this.#prune();
    else await this.#delete();
  }

  async expectSame(): Promise<void> {
    for (const lineage of LINEAGES)
      for (const namespace of NAMESPACES) {
        const place = { lineage, namespace };
        const all = this.#model.lineages.get(lineage)?.checkpoints ?? [];
        const expected = all.filter((each) => each.namespace === namespace).reverse();
        const { checkpoints } = await this.#saved.list(this.#who, place, { limit: 1_000 });
        expect(checkpoints.map(({ id }) => id)).toEqual(expected.map(({ id }) => id));
        for (const { id, number, values, versions, writes } of expected) {
          const found = await this.#saved.tuple(this.#who, { ...place, id });
          expect(found?.checkpoint).toMatchObject({
            number,
            values: Object.fromEntries(values),
            versions: Object.fromEntries(versions),
          });
          expect(Object.keys(found?.checkpoint.values ?? {})).toHaveLength(values.size);
          const pending = found?.writes.map(({ task, value }) => [task, value]);
          expect(new Map(pending as [string, string][])).toEqual(writes);
        }
      }
  }

  async #put(): Promise<void> {
    const lineage = this.#one(LINEAGES);
    const namespace = this.#one(NAMESPACES);
    const other = this.#any(lineage);
    const parent = this.#random(3) > 0 ? this.#any(lineage, namespace) : undefined;
    const count = this.#random(4) === 0 ? CHANNELS.length : this.#random(4);
    const channels = Array.from({ length: count }, () => this.#one(CHANNELS));
    const put: ModelPut = {
      id: `c-${this.#ids++}`,
      namespace,
      values: Object.fromEntries(channels.map((channel) => [channel, this.#one(VALUES)])),
      ...(parent && { parent: parent.id, ...this.#inheritance() }),
      ...(this.#random(4) === 0 && other && { parents: { [other.namespace]: other.id } }),
      ...(this.#random(5) === 0 && parent?.parent !== undefined && { dependsOn: parent.parent }),
    };
    this.#model.put(lineage, put);
    const again = this.#random(4) === 0 ? 2 : 1;
    for (let time = 0; time < again; time++)
      expect((await this.#saved.put(this.#who, { lineage, ...put })).duplicate).toBe(time > 0);
  }

  #inheritance(): Pick<ModelPut, "inherit" | "without"> {
    if (this.#random(4) === 0) return {};
    return { inherit: true, without: this.#random(2) === 0 ? [this.#one(CHANNELS)] : [] };
  }

  async #write(): Promise<void> {
    const lineage = this.#one(LINEAGES);
    const found = this.#any(lineage);
    if (found === undefined) return;
    const { id, namespace, writes } = found;
    const [task, value] = [`task-${this.#ids++}`, this.#one(VALUES)];
    writes.set(task, value);
    const write = { lineage, namespace, id, task, writes: [{ channel: "x", value }] };
    await this.#saved.putWrites(this.#who, write);
  }

  async #fork(): Promise<void> {
    const from = this.#one(LINEAGES);
    const to = LINEAGES.find((lineage) => !this.#model.lineages.has(lineage));
    const line = this.#model.lineages.get(from);
    if (line === undefined || to === undefined) return;
    const upTo = this.#random(2) === 0 ? this.#any(from, "") : undefined;
    await this.#saved.fork(this.#who, { lineage: from }, { to, ...(upTo && { id: upTo.id }) });
    this.#model.fork(from, to, upTo?.number ?? line.next - 1);
  }

  async #prune(): Promise<void> {
    const lineage = this.#one(LINEAGES);
    const keep = 1 + this.#random(3);
    const { checkpoints } = await this.#saved.prune(this.#who, { lineage }, { keep });
    expect(checkpoints).toBe(this.#model.prune(lineage, keep));
  }

  async #delete(): Promise<void> {
    const lineage = this.#one(LINEAGES);
    const had = this.#model.lineages.delete(lineage);
    expect(await this.#saved.deleteLineage(this.#who, lineage)).toBe(had);
  }

  #any(lineage: string, namespace?: string) {
    const all = this.#model.lineages.get(lineage)?.checkpoints ?? [];
    const fitting = all.filter((each) => namespace === undefined || each.namespace === namespace);
    return fitting[this.#random(Math.max(1, fitting.length))];
  }

  #one<T>(all: readonly T[]): T {
    return all[this.#random(all.length)] as T;
  }
}

test("random calls do what a plain model does", async () => {
  const store = await openStore("memory:", { maxBytes: 2_000 });
  for (let seed = 1; seed <= (isSoak ? soak(5) : 2); seed++) {
    const who = newSession();
    const play = new Play(seed, store, who);
    for (let step = 1; step <= STEPS; step++) {
      await play.step();
      if (step % 20 === 0) await play.expectSame();
    }
    for (const lineage of LINEAGES) await createCheckpoints(store).deleteLineage(who, lineage);
    expect(await store.count(who, "")).toBe(0);
  }
}, 600_000);
