import { invalid, isStateError, StateError, wrongType } from "../../contract/errors.js";
import { jitteredPause } from "../../timing/backoff.js";
import { settlesWithin } from "../../timing/cancellation.js";
import { sleep } from "../../timing/real-timers.js";
import { readInteger, readNamed, readObject } from "../../validation/validate.js";
import { joinFields, seal, unseal } from "./aead.js";
import { keyMissing, keyWrong } from "./key-error.js";

/** Which data key a key service wraps. */
export interface WrapContext {
  /** Whose data it seals. */
  readonly tenant: string;
  /** The id of the data key. */
  readonly keyId: string;
}

/** A key-encryption key (KEK): 32 bytes, or the functions of a key service. */
export type KeyEncryptionKey =
  | {
      /** Names the key, 1 to 128 characters; stored beside what it wraps. */
      readonly name: string;
      /** 32 random bytes. */
      readonly key: Uint8Array;
    }
  | {
      /** Names the key, 1 to 128 characters; stored beside what it wraps. */
      readonly name: string;
      /** Wraps a data key of 64 bytes. */
      readonly wrap: (key: Uint8Array, context: WrapContext) => Promise<Uint8Array>;
      /** The data key again. Must reject what another key has wrapped. */
      readonly unwrap: (wrapped: Uint8Array, context: WrapContext) => Promise<Uint8Array>;
    };

/** The key-encryption keys of a store. */
export interface EncryptionKeys {
  /** Wraps new data keys. */
  readonly current: KeyEncryptionKey;
  /** Others that may have wrapped data keys: during a rotation, the one before. */
  readonly known?: readonly KeyEncryptionKey[];
  /** How long a call of a key service may take, in milliseconds: 1 to 600,000. Default 10,000. It is tried three times. */
  readonly timeoutMs?: number;
}

/** A wrapped data key, as it is stored. */
export interface Wrapped {
  /** The name of the key-encryption key. */
  readonly kek: string;
  /** Base64. */
  readonly key: string;
}

const KEY_BYTES = 32;
const NAME_LENGTH = 128;
const DEFAULT_TIMEOUT_MS = 10_000;
const ATTEMPTS = 3;
const PAUSE = { baseMs: 50, mostMs: 1000, random: () => 0.5 + Math.random() / 2 };

/** Wraps data keys, and unwraps them, by the key-encryption keys that the process was given. */
export class KeyEncryptionKeys {
  readonly #keys = new Map<string, KeyEncryptionKey>();
  readonly #timeoutMs: number;
  /** The name of the one that wraps. */
  readonly current: string;

  /** INVALID_RECORD for keys of another size or form, and for two of one name. */
  constructor(keys: EncryptionKeys) {
    const given = readNamed(keys, "keys", ["current", "known", "timeoutMs"]) as EncryptionKeys;
    const { current, known = [], timeoutMs = DEFAULT_TIMEOUT_MS } = given;
    if (!Array.isArray(known)) throw wrongType("keys.known", "an array of keys", known);
    for (const each of [current, ...known]) {
      const key = readKey(each);
      if (this.#keys.has(key.name)) throw invalid("keys", "of different names");
      this.#keys.set(key.name, key);
    }
    this.current = current.name;
    this.#timeoutMs = readInteger(timeoutMs, "keys.timeoutMs", 1, 600_000);
  }

  /** Whether the process was given a key of this name. */
  has(name: string): boolean {
    return this.#keys.has(name);
  }

  /** Wraps a data key with the current one. UNAVAILABLE. */
  async wrap(key: Uint8Array, context: WrapContext): Promise<Wrapped> {
    const by = this.#keys.get(this.current) as KeyEncryptionKey;
    const wrapped =
      "key" in by
        ? seal(by.key, key, boundTo(by.name, context))
        : await this.#ask(by.name, () => by.wrap(key, context));
    return { kek: by.name, key: Buffer.from(wrapped).toString("base64") };
  }

  /** The data key again. KEY_UNAVAILABLE, UNAVAILABLE. */
  async unwrap({ kek, key }: Wrapped, context: WrapContext): Promise<Buffer> {
    const by = this.#keys.get(kek);
    if (by === undefined) throw keyMissing(kek);
    const wrapped = Buffer.from(key, "base64");
    if ("key" in by) {
      const unwrapped = unseal(by.key, wrapped, boundTo(kek, context));
      if (unwrapped === undefined) throw keyWrong(kek);
      return Buffer.from(unwrapped);
    }
    return Buffer.from(await this.#ask(kek, () => by.unwrap(wrapped, context)));
  }

  /** An answer of a key service, which is asked again where it fails. */
  async #ask(name: string, ask: () => Promise<Uint8Array>): Promise<Uint8Array> {
    for (let attempt = 1; ; attempt++) {
      try {
        const asked = Promise.resolve().then(ask);
        if (!(await settlesWithin(asked, this.#timeoutMs, undefined))) {
          asked.catch(() => {});
          throw new Error(`no answer in ${this.#timeoutMs} ms`);
        }
        const answer = await asked;
        if (!(answer instanceof Uint8Array)) throw wrongType("the key service's answer", "bytes", answer);
        return answer;
      } catch (cause) {
        if (isStateError(cause, "KEY_UNAVAILABLE") || isStateError(cause, "INVALID_RECORD")) throw cause;
        if (attempt === ATTEMPTS) throw serviceFailed(name, cause);
        await sleep(jitteredPause(attempt, PAUSE));
      }
    }
  }
}

function readKey(given: unknown): KeyEncryptionKey {
  const { name, ...rest } = { ...readObject(given, "keys") } as { name: unknown } & Record<string, unknown>;
  if (typeof name !== "string" || name === "" || name.length > NAME_LENGTH)
    throw invalid("keys.name", `1 to ${NAME_LENGTH} characters`);
  if (typeof rest.wrap === "function" && typeof rest.unwrap === "function")
    return { name, ...(rest as Pick<Extract<KeyEncryptionKey, { wrap: unknown }>, "wrap" | "unwrap">) };
  const { key } = rest;
  if (!(key instanceof Uint8Array) || key.byteLength !== KEY_BYTES)
    throw invalid("keys.key", `${KEY_BYTES} bytes, or wrap and unwrap functions`);
  return { name, key: Uint8Array.from(key) };
}

function boundTo(kek: string, { tenant, keyId }: WrapContext): Buffer {
  return joinFields("groundstate/wrap/1", kek, tenant, keyId);
}

function serviceFailed(name: string, cause: unknown): StateError<"UNAVAILABLE"> {
  const message = `the key service of ${JSON.stringify(name)} did not answer`;
  return new StateError("UNAVAILABLE", message, {
    cause,
    details: { reason: "unreachable" },
    retryable: true,
  });
}
