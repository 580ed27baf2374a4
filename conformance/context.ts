import { createHash } from "node:crypto";
import {
  type CloseOptions,
  type Identity,
  type NewRecord,
  newEventId,
  type StateStore,
} from "../src/index.js";
import type { CaseContext, Harness, SpaceOptions } from "./case.js";
import { Child } from "./children.js";
import type { RoleName, Roles } from "./roles.js";

/** What the cases of one run have in common. */
export interface Surroundings {
  readonly harness: Harness;
  /** The space that all cases share. */
  readonly space: string;
  /** Where other processes import the harness from: a file URL. */
  readonly module?: string;
}

/** The context of one case, which knows what it opened and started. */
export class OpenContext implements CaseContext {
  readonly #surroundings: Surroundings;
  readonly #name: string;
  readonly #stores: StateStore[] = [];
  readonly #spaces: string[] = [];
  readonly #children: Child<unknown>[] = [];
  #store: StateStore | undefined;
  #given = 0;

  private constructor(surroundings: Surroundings, name: string) {
    this.#surroundings = surroundings;
    this.#name = name;
  }

  static async open(surroundings: Surroundings, name: string): Promise<OpenContext> {
    const context = new OpenContext(surroundings, name);
    context.#store = await context.open();
    return context;
  }

  get store(): StateStore {
    return this.#store as StateStore;
  }

  // Functions rather than methods: a case takes from the context what it needs.
  readonly open = (options: SpaceOptions = {}): Promise<StateStore> =>
    this.#open(this.#surroundings.space, options);

  readonly openAlone = (options: SpaceOptions = {}): Promise<StateStore> => {
    const space = this.unique();
    this.#spaces.push(space);
    return this.#open(space, options);
  };

  readonly unique = (): string => `${this.#name}-${this.#given++}`;

  readonly tenant = (): string => `tenant-${this.unique()}`;

  readonly identity = (fields: Partial<Identity> = {}): Identity => ({
    tenant: fields.tenant ?? this.tenant(),
    user: "user",
    session: "session",
    ...fields,
  });

  readonly payload = (size = 24): Uint8Array<ArrayBuffer> => {
    if (size === 0) return new Uint8Array();
    const seed = `payload ${this.#given++}`;
    return new Uint8Array(createHash("shake256", { outputLength: size }).update(seed).digest());
  };

  readonly record = (identity: Identity, kind: string, fields: Partial<NewRecord> = {}): NewRecord => ({
    eventId: newEventId(),
    identity,
    kind,
    bytes: fields.bytes ?? this.payload(),
    ...fields,
  });

  readonly spawn = <R extends RoleName>(
    role: R,
    task: Parameters<Roles[R]>[1],
  ): Child<Awaited<ReturnType<Roles[R]>>> => {
    const { module, space } = this.#surroundings;
    if (module === undefined) throw new TypeError("a case that starts processes must say so with needs");
    const child = new Child<Awaited<ReturnType<Roles[R]>>>({ module, space, role, task });
    this.#children.push(child);
    return child;
  };

  /** Ends the processes, closes the stores and removes the case's own spaces. */
  async close(options?: CloseOptions): Promise<void> {
    await Promise.all(this.#children.map((child) => child.kill()));
    await Promise.all(this.#stores.map((store) => store.close(options)));
    for (const space of this.#spaces) await this.#surroundings.harness.destroy?.(space);
  }

  async #open(space: string, options: SpaceOptions): Promise<StateStore> {
    const store = await this.#surroundings.harness.open(space, options);
    this.#stores.push(store);
    return store;
  }
}
