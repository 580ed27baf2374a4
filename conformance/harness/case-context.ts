import { createHash } from "node:crypto";
import {
  type CloseOptions,
  type Identity,
  type NewRecord,
  newEventId,
  type RecordKey,
  type StateStore,
} from "../../src/index.js";
import { Bystander } from "./bystander.js";
import type { BystanderData } from "./bystander-data.js";
import type { CaseContext, ConformanceCase, Harness, SpaceOptions } from "./case.js";
import { Child } from "./child-processes.js";
import type { ChildTaskName, ChildTasks } from "./child-tasks.js";

/** What all cases of one run share. */
export interface RunContext {
  readonly harness: Harness;
  /** The space that all cases share. */
  readonly space: string;
  /** Where other processes import the harness from: a file URL. */
  readonly module?: string;
  /** Whether a bystander saves data beside that of each case. */
  readonly beside: boolean;
}

/** The context of one case. It keeps track of the stores and processes that the case opened. */
export class OpenContext implements CaseContext {
  readonly #run: RunContext;
  readonly #name: string;
  readonly #space: string;
  readonly #bystander: Bystander | undefined;
  readonly #stores: StateStore[] = [];
  readonly #spaces: string[] = [];
  readonly #alone = new Map<StateStore, string>();
  readonly #children: Child<unknown>[] = [];
  #store: StateStore | undefined;
  #given = 0;

  private constructor(run: RunContext, name: string, { needs, scans, bringsNeighbours }: ConformanceCase) {
    this.#run = run;
    this.#name = name;
    this.#bystander = run.beside && !bringsNeighbours ? new Bystander(scans) : undefined;
    this.#space = needs === "processes" ? this.#ownSpace() : run.space;
  }

  static async open(run: RunContext, name: string, each: ConformanceCase): Promise<OpenContext> {
    const context = new OpenContext(run, name, each);
    if (each.needs !== "processes") context.#store = await context.open();
    return context;
  }

  get harness(): Harness {
    return this.#run.harness;
  }

  get module(): string | undefined {
    return this.#run.module;
  }

  get store(): StateStore {
    if (this.#store === undefined) throw new TypeError("a case that needs processes opens its stores itself");
    return this.#store;
  }

  // Functions rather than methods: a case takes from the context what it needs.
  readonly open = (options: SpaceOptions = {}): Promise<StateStore> => this.#open(this.#space, options);

  readonly openAlone = async (options: SpaceOptions = {}): Promise<StateStore> => {
    const space = this.#ownSpace();
    const store = await this.#open(space, options);
    this.#alone.set(store, space);
    return store;
  };

  readonly openAgain = (store: StateStore, options: SpaceOptions = {}): Promise<StateStore> =>
    this.#open(this.#alone.get(store) ?? this.#space, options);

  readonly unique = (): string => `${this.#name}-${this.#given++}`;

  readonly tenant = (): string => `tenant-${this.unique()}`;

  readonly identity = (fields: Partial<Identity> = {}): Identity => {
    const tenant = fields.tenant ?? this.tenant();
    const identity = { tenant, user: "user", session: "session", ...fields };
    this.#bystander?.mirror(identity);
    return identity;
  };

  readonly payload = (size = 24): Uint8Array<ArrayBuffer> => {
    if (size === 0) return new Uint8Array();
    const seed = `payload ${this.#given++}`;
    return new Uint8Array(createHash("shake256", { outputLength: size }).update(seed).digest());
  };

  readonly record = (identity: Identity, kind: string, fields: Partial<NewRecord> = {}): NewRecord => {
    const bytes = fields.bytes ?? this.payload();
    const record = { eventId: newEventId(), identity, kind, bytes, ...fields };
    this.#bystander?.mirror(identity, kind, record.eventId);
    return record;
  };

  readonly damage = async (record: RecordKey): Promise<void> => {
    const { harness } = this.#run;
    if (harness.damage === undefined)
      throw new TypeError("a case that damages records must say so with needs");
    await harness.damage(this.#space, record);
  };

  readonly spawn = <R extends ChildTaskName>(
    role: R,
    task: Parameters<ChildTasks[R]>[1],
  ): Child<Awaited<ReturnType<ChildTasks[R]>>> => {
    const { module } = this.#run;
    if (module === undefined) throw new TypeError("a case that starts processes must say so with needs");
    const child = new Child<Awaited<ReturnType<ChildTasks[R]>>>({ module, space: this.#space, role, task });
    this.#children.push(child);
    return child;
  };

  /**
   * Rejects when another's data is not as it was saved. What lies in the shared space, and may be looked at again.
   * Data that no open store shows is out of reach, unless it is durable.
   */
  async assertBystanderUnchanged(): Promise<BystanderData[]> {
    const kept: BystanderData[] = [];
    for (const [key, data] of this.#bystander?.data ?? []) {
      await data.saved();
      if (data.size === 0) continue;
      const store = (await data.openStore()) ?? (await this.#reopened(key));
      if (store) await data.assertUnchanged(store);
      if (key === this.#run.space) kept.push(data);
    }
    return kept;
  }

  /** Ends the processes, closes the stores and removes the case's own spaces. */
  async close(options?: CloseOptions): Promise<void> {
    await Promise.all(this.#children.map((child) => child.kill()));
    await Promise.all(this.#stores.map((store) => store.close(options)));
    for (const space of this.#spaces) await this.#run.harness.destroy?.(space);
  }

  #ownSpace(): string {
    const space = this.unique();
    this.#spaces.push(space);
    return space;
  }

  async #open(space: string, options: SpaceOptions): Promise<StateStore> {
    const { harness } = this.#run;
    const store = await harness.open(space, options);
    this.#stores.push(store);
    const forgetsSoon = options.idempotencyWindowMs !== undefined;
    await this.#bystander?.addStore(harness.durable ? space : store, store, { forgetsSoon });
    return store;
  }

  async #reopened(key: string | StateStore): Promise<StateStore | undefined> {
    if (typeof key !== "string") return undefined;
    const store = await this.#run.harness.open(key, {});
    this.#stores.push(store);
    return store;
  }
}
