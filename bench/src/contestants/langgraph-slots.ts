import type { BaseCheckpointSaver, Checkpoint } from "@langchain/langgraph-checkpoint";
import type { SlotStore } from "../slot-race.js";
import { allSlots, cheapIds, keyOf } from "../slots.js";

/**
 * A checkpoint saver. A slot is a thread, and each save one more checkpoint of it, as in an agent's run; a load takes
 * the newest. What is saved is text already, for the savers write JSON.
 */
export function langgraphSlots(saver: BaseCheckpointSaver, settings: string): Omit<SlotStore, "close"> {
  const configs = allSlots().map((slot) => ({ configurable: { thread_id: keyOf(slot), checkpoint_ns: "" } }));
  const config = (slot: number) => configs[slot] as (typeof configs)[number];
  const texts = new Map<Buffer, string>();
  const textOf = (bytes: Buffer): string => {
    const text = texts.get(bytes) ?? bytes.toString("base64");
    texts.set(bytes, text);
    return text;
  };
  const nextId = cheapIds();
  let version = 0;
  const load = async (slot: number): Promise<Checkpoint> => {
    const tuple = await saver.getTuple(config(slot));
    if (tuple === undefined) throw new Error(`slot ${slot} is empty`);
    return tuple.checkpoint;
  };
  return {
    overlaps: true,
    settings,
    save(slot, bytes) {
      const versions = { state: ++version };
      const checkpoint: Checkpoint = {
        v: 4,
        id: nextId(),
        ts: "2026-01-01T00:00:00.000Z",
        channel_values: { state: textOf(bytes) },
        channel_versions: versions,
        versions_seen: {},
      };
      return saver.put(config(slot), checkpoint, { source: "loop", step: 1, parents: {} }, versions);
    },
    load,
    read: async (slot) => Buffer.from((await load(slot)).channel_values.state as string, "base64"),
  };
}
