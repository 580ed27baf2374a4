import type { ChannelVersions, Checkpoint, CheckpointMetadata } from "@langchain/langgraph-checkpoint";
import type { Contestant } from "../contestant.js";

interface Config {
  readonly configurable: Record<string, unknown>;
}

/** What is measured of a saver. The savers come with types of different versions of LangGraph. */
interface Saver {
  getTuple(config: Config): Promise<{ readonly checkpoint: Checkpoint } | undefined>;
  put(
    config: Config,
    checkpoint: Checkpoint,
    metadata: CheckpointMetadata,
    versions: ChannelVersions,
  ): Promise<unknown>;
  putWrites(config: Config, writes: [string, unknown][], task: string): Promise<void>;
}

/** More than there are callers: each turn takes a thread that no other is in. */
const THREADS = 64;
const STEPS = 3;
/** After these a conversation begins anew, so that turns stay as large as they were. */
const MESSAGES = 20;
const MESSAGE = "m".repeat(1_000);
const FIXED = "f".repeat(500);

/**
 * What a graph of three steps asks of its saver in a turn, with durability "sync": the latest checkpoint, and for each step
 * what its task wrote and the checkpoint after it. A thread holds up to 20 messages of 1,000 characters.
 */
export function langgraphTurns(saver: Saver, settings: string, close: () => unknown): Contestant {
  const free = Array.from({ length: THREADS }, (_, at) => new Thread(saver, `thread-${at}`));
  const used = [...free];
  const turn = async (): Promise<void> => {
    const thread = free.shift();
    if (thread === undefined) throw new Error(`more than ${THREADS} callers`);
    await thread.turn();
    free.push(thread);
  };
  return {
    overlaps: true,
    settings,
    operations: { turn: { run: turn } },
    async check() {
      for (const thread of used) await thread.check();
    },
    close,
  };
}

class Thread {
  readonly #saver: Saver;
  readonly #name: string;
  #version = 0;
  #messages: string[] = [];
  #last: string | undefined;

  constructor(saver: Saver, name: string) {
    this.#saver = saver;
    this.#name = name;
  }

  async turn(): Promise<void> {
    await this.#latest();
    if (this.#messages.length >= MESSAGES) this.#messages = [];
    for (let step = 0; step < STEPS; step++) await this.#step();
  }

  async check(): Promise<void> {
    const found = await this.#latest();
    if (found?.checkpoint.id !== this.#last) throw new Error(`${this.#name} does not end with its last step`);
    const { messages = [] } = (found?.checkpoint.channel_values ?? {}) as { messages?: string[] };
    if (messages.length !== this.#messages.length) throw new Error(`${this.#name} has not all its messages`);
  }

  async #step(): Promise<void> {
    const config = this.#config(this.#last);
    const task = `task-${this.#version}`;
    if (this.#last !== undefined)
      await this.#saver.putWrites(
        config,
        [
          ["messages", MESSAGE],
          ["next", null],
        ],
        task,
      );
    const isFirst = this.#last === undefined;
    const version = ++this.#version;
    this.#messages = [...this.#messages, MESSAGE];
    // Their order by text is that of the puts, as the official savers need it.
    const id = String(version).padStart(16, "0");
    const changed = { messages: version, next: version };
    const checkpoint: Checkpoint = {
      v: 4,
      id,
      ts: "2026-01-01T00:00:00.000Z",
      channel_values: { messages: this.#messages, next: null, fixed: FIXED },
      channel_versions: { ...changed, fixed: 1 },
      versions_seen: { agent: { messages: version - 1 } },
    };
    const metadata = { source: "loop", step: version, parents: {} } as const;
    await this.#saver.put(config, checkpoint, metadata, isFirst ? { ...changed, fixed: 1 } : changed);
    this.#last = id;
  }

  #latest(): Promise<{ readonly checkpoint: Checkpoint } | undefined> {
    return this.#saver.getTuple(this.#config(undefined));
  }

  #config(id: string | undefined): Config {
    return {
      configurable: {
        thread_id: this.#name,
        checkpoint_ns: "",
        ...(id !== undefined && { checkpoint_id: id }),
      },
    };
  }
}
