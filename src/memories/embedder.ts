import { invalid, StateError } from "../contract/errors.js";
import { raceAbort } from "../timing/cancellation.js";
import { abortAfter, monotonicMs, setImmediate } from "../timing/real-timers.js";
import { readInteger, readNamed } from "../validation/validate.js";
import { readText } from "../validation/validate-text.js";
import type { EmbedOptions } from "./embed-options.js";
import { MAX_MODEL_BYTES } from "./stored-vector.js";

/** A text that waits for its vector. */
interface Waiting {
  readonly text: string;
  readonly since: number;
  readonly resolve: (vector: Float32Array) => void;
  readonly reject: (error: unknown) => void;
}

const DEFAULTS = { timeoutMs: 10_000, batch: 64 };
/** Calls under way at once. */
const AT_ONCE = 4;
const MAX_DIMENSION = 8_192;

/** Makes vectors. Texts that come at the same time share a call, and equal ones a vector. */
export class Embedder {
  readonly model: string;
  readonly #vectorsOf: EmbedOptions["vectorsOf"];
  readonly #timeoutMs: number;
  readonly #batch: number;
  readonly #underWay = new Map<string, Promise<Float32Array>>();
  #waiting: Waiting[] = [];
  #calls = 0;
  #isStarting = false;

  /** INVALID_RECORD. */
  constructor(options: EmbedOptions) {
    readNamed(options, "embed", ["model", "vectorsOf", "timeoutMs", "batch"]);
    this.model = readText(options.model, "embed.model", MAX_MODEL_BYTES);
    if (this.model === "") throw invalid("embed.model", "a name that is not empty");
    if (typeof options.vectorsOf !== "function") throw invalid("embed.vectorsOf", "a function");
    const { timeoutMs, batch } = { ...DEFAULTS, ...options };
    this.#vectorsOf = options.vectorsOf;
    this.#timeoutMs = readInteger(timeoutMs, "embed.timeoutMs", 1, 600_000);
    this.#batch = readInteger(batch, "embed.batch", 1, 2_048);
  }

  /**
   * The vector of a text. Rejects with what `vectorsOf` rejects with, with INVALID_RECORD for what is no vector, with UNAVAILABLE
   * when the time is up, and with the signal's reason.
   */
  vectorOf(text: string, signal: AbortSignal | undefined): Promise<Float32Array> {
    signal?.throwIfAborted();
    return raceAbort(this.#underWay.get(text) ?? this.#begin(text), signal);
  }

  #begin(text: string): Promise<Float32Array> {
    const vector = new Promise<Float32Array>((resolve, reject) => {
      this.#waiting.push({ text, since: monotonicMs(), resolve, reject });
    });
    this.#underWay.set(text, vector);
    const forget = () => this.#underWay.delete(text);
    vector.then(forget, forget);
    this.#startSoon();
    return vector;
  }

  /** Calls of the same turn of the event loop come together. */
  #startSoon(): void {
    if (this.#isStarting) return;
    this.#isStarting = true;
    setImmediate(() => {
      this.#isStarting = false;
      this.#start();
    });
  }

  #start(): void {
    this.#refuseLate();
    while (this.#waiting.length > 0 && this.#calls < AT_ONCE) {
      this.#calls++;
      void this.#answer(this.#waiting.splice(0, this.#batch)).finally(() => {
        this.#calls--;
        this.#start();
      });
    }
  }

  /** So nobody waits for much longer than twice the time of one call. */
  #refuseLate(): void {
    const latest = monotonicMs() - this.#timeoutMs;
    for (const late of this.#waiting.filter(({ since }) => since < latest)) late.reject(this.#timeIsUp());
    this.#waiting = this.#waiting.filter(({ since }) => since >= latest);
  }

  async #answer(texts: readonly Waiting[]): Promise<void> {
    try {
      const vectors = await this.#call(texts.map(({ text }) => text));
      for (const [place, { resolve, reject }] of texts.entries())
        try {
          resolve(readVector(vectors[place]));
        } catch (error) {
          reject(error);
        }
    } catch (error) {
      for (const { reject } of texts) reject(error);
    }
  }

  async #call(texts: readonly string[]): Promise<readonly unknown[]> {
    const { signal, clear } = abortAfter(this.#timeoutMs);
    try {
      const vectors = await raceAbort((async () => this.#vectorsOf(texts, { signal }))(), signal);
      if (!Array.isArray(vectors) || vectors.length !== texts.length)
        throw invalid("embed.vectorsOf", "a function that returns one vector for each text");
      return vectors;
    } catch (error) {
      throw signal.aborted ? this.#timeIsUp() : error;
    } finally {
      clear();
    }
  }

  #timeIsUp(): StateError<"UNAVAILABLE"> {
    return new StateError("UNAVAILABLE", `embed.vectorsOf has not answered within ${this.#timeoutMs} ms`, {
      details: { reason: "unreachable" },
    });
  }
}

function readVector(value: unknown): Float32Array {
  const rule = `a function that returns vectors of 1 to ${MAX_DIMENSION} finite numbers, not all of them 0`;
  const length = (value as ArrayLike<number> | undefined)?.length;
  if (typeof value !== "object" || !Number.isInteger(length)) throw invalid("embed.vectorsOf", rule);
  const numbers = value as ArrayLike<number>;
  if (numbers.length < 1 || numbers.length > MAX_DIMENSION) throw invalid("embed.vectorsOf", rule);
  const vector = Float32Array.from(numbers);
  if (!vector.every(Number.isFinite) || vector.every((each) => each === 0))
    throw invalid("embed.vectorsOf", rule);
  return vector;
}
