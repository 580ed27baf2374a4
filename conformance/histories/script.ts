import type { Change } from "../../src/index.js";
import { ChangeMaker, lawful } from "./changes.js";
import { Choices } from "./choices.js";
import { type ListQuery, Model } from "./model.js";
import { predict } from "./predict.js";
import type { Step } from "./step.js";
import { EDGES, type World, worldOf } from "./world.js";

/** Names, and what is asked under them, one thing after another. */
export interface Script {
  readonly world: World;
  readonly steps: readonly Step[];
}

export interface ScriptOptions {
  /** What is asked at most; of each phase, where there are several. */
  readonly operations: number;
  /** In the names of the tenants, so that scripts share a space and no tenant. */
  readonly mark: string;
  /** The window passes between them; 1 unless given. */
  readonly phases?: number;
  /** How many stores of the space are asked; 1 unless given. */
  readonly stores?: number;
  /** Whether stores are closed and opened again. */
  readonly restarts?: boolean;
}

/** The script of a seed: the same everywhere. */
export function scriptOf(seed: number, options: ScriptOptions): Script {
  const choices = new Choices(seed);
  const world = worldOf(choices, options.mark);
  const steps: Step[] = [];
  const writer = new ScriptWriter(choices, world, options);
  for (let phase = 0; phase < (options.phases ?? 1); phase++) {
    if (phase > 0) steps.push(writer.wait());
    for (let left = choices.between(1, options.operations); left > 0; left--) steps.push(writer.next());
  }
  return { world, steps };
}

class ScriptWriter {
  readonly #choices: Choices;
  readonly #world: World;
  readonly #stores: number;
  readonly #restarts: boolean;
  readonly #model = new Model();
  readonly #changes: ChangeMaker;
  /** Every commit so far, for those that come again. */
  readonly #made: (readonly Change[])[] = [];

  constructor(choices: Choices, world: World, { stores = 1, restarts = false }: ScriptOptions) {
    this.#choices = choices;
    this.#world = world;
    this.#stores = stores;
    this.#restarts = restarts;
    this.#changes = new ChangeMaker(choices, world, this.#model);
  }

  wait(): Step {
    this.#model.wait();
    return { ask: "wait" };
  }

  next(): Step {
    const at = this.#choices.below(this.#stores);
    const step = this.#step();
    predict(this.#model, step);
    return at === 0 ? step : { ...step, at };
  }

  #step(): Step {
    const choices = this.#choices;
    const { eventIds } = this.#world;
    const { identity, kind } = this.#changes.place();
    return choices.weighted<Step>([
      [12, () => this.#remembered({ ask: "commit", changes: this.#changes.commit() })],
      [2, () => this.#remembered({ ask: "together", commits: this.#commits() })],
      [4, () => this.#retry()],
      [1, () => ({ ask: "erase", identity })],
      [1, () => ({ ask: "erase", identity, prefix: this.#edge() })],
      [2, () => ({ ask: "find", identity, kind })],
      [2, () => ({ ask: "loadByEventId", identity, eventId: choices.of(eventIds) })],
      [7, () => this.#list()],
      [2, () => ({ ask: "pages", identity, prefix: this.#edge(), ...this.#pageOf() })],
      [2, () => ({ ask: "count", identity, prefix: this.#edge(), query: this.#query() })],
      [4, () => this.#listKind()],
      [3, () => this.#listSessions()],
      [this.#restarts ? 1 : 0, () => ({ ask: "restart" })],
    ]);
  }

  #remembered(step: Extract<Step, { ask: "commit" | "together" }>): Step {
    this.#made.push(...(step.ask === "commit" ? [step.changes] : step.commits));
    return step;
  }

  #commits(): readonly (readonly Change[])[] {
    return Array.from({ length: this.#choices.between(2, 8) }, () => this.#changes.commit());
  }

  /** An earlier commit: as it was, or with one more change, which makes a partial replay. */
  #retry(): Step {
    const earlier = this.#made.at(-1 - this.#choices.below(11));
    if (earlier === undefined) return { ask: "commit", changes: this.#changes.commit() };
    const isSame = this.#choices.isOneIn(2);
    const changes = isSame ? earlier : lawful([...earlier, this.#changes.change()]);
    return { ask: "commit", changes };
  }

  #list(): Step {
    const { identity } = this.#changes.place();
    const withoutBytes = this.#choices.isOneIn(4) ? { bytes: false as const } : {};
    const query = { ...this.#query(), ...(this.#choices.isOneIn(2) && { reverse: true }) };
    return { ask: "list", identity, prefix: this.#edge(), query, ...withoutBytes };
  }

  #listKind(): Step {
    const choices = this.#choices;
    const tenants = this.#world.identities.map(({ tenant }) => tenant);
    return {
      ask: "listKind",
      tenant: choices.isOneIn(3) ? undefined : choices.of(tenants),
      prefix: this.#kind(),
      ...(choices.isOneIn(2) && { after: { ...this.#changes.place(), kind: this.#kind() } }),
      ...this.#limit(),
    };
  }

  #listSessions(): Step {
    const choices = this.#choices;
    const { tenant, user } = choices.of(this.#world.identities);
    const name = () => choices.of(this.#world.identities).session;
    const query = {
      ...(choices.isOneIn(2) && { prefix: Array.from(name())[0] as string }),
      ...(choices.isOneIn(2) && { after: name() }),
      ...this.#limit(),
    };
    return { ask: "listSessions", tenant, user, query };
  }

  #query(): ListQuery {
    const choices = this.#choices;
    return {
      ...(choices.isOneIn(4) && { from: this.#kind() }),
      ...(choices.isOneIn(2) && { after: this.#kind() }),
      ...(choices.isOneIn(2) && { before: this.#kind() }),
      ...this.#limit(),
    };
  }

  #pageOf(): { readonly limit: number; readonly reverse: boolean } {
    return { limit: this.#choices.between(1, 3), reverse: this.#choices.isOneIn(2) };
  }

  #limit(): { readonly limit?: number } {
    return this.#choices.isOneIn(2) ? { limit: this.#choices.between(1, 4) } : {};
  }

  /** A prefix, which may be empty. */
  #edge(): string {
    return this.#choices.of(this.#choices.isOneIn(2) ? EDGES : this.#world.kinds);
  }

  #kind(): string {
    return this.#edge() || this.#choices.of(this.#world.kinds);
  }
}
