import { EventEmitter } from "node:events";
import type { KeySpace } from "./key-space.js";

/** A storage adapter of Keyv. Keys have their namespace in front, as Keyv gives them. */
export class StateKeyv extends EventEmitter {
  readonly opts: Record<string, unknown> = { dialect: "redis", url: "" };
  namespace: string | undefined;
  readonly #space: KeySpace;

  constructor(space: KeySpace) {
    super();
    this.#space = space;
  }

  async get(key: string): Promise<string | undefined> {
    return (await this.#space.find(Buffer.from(key)))?.toString();
  }

  getMany(keys: string[]): Promise<(string | undefined)[]> {
    return Promise.all(keys.map((key) => this.get(key)));
  }

  async set(key: string, value: string): Promise<void> {
    await this.#space.write([{ key: Buffer.from(key), value: Buffer.from(value) }]);
  }

  delete(key: string): Promise<boolean> {
    return this.#space.remove(Buffer.from(key));
  }

  async deleteMany(keys: string[]): Promise<boolean> {
    const removed = await Promise.all(keys.map((key) => this.delete(key)));
    return removed.includes(true);
  }

  async has(key: string): Promise<boolean> {
    return (await this.get(key)) !== undefined;
  }

  async clear(): Promise<void> {
    await this.#space.clear(this.#range(this.namespace));
  }

  async *iterator(namespace?: string): AsyncGenerator<[string, string]> {
    for await (const { key, value } of this.#space.entries(this.#range(namespace))) {
      yield [key.toString(), value.toString()];
    }
  }

  #range(namespace: string | undefined) {
    return namespace === undefined
      ? {}
      : { gte: Buffer.from(`${namespace}:`), lt: Buffer.from(`${namespace};`) };
  }
}
