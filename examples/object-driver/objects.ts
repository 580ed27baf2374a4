import { StateError } from "groundstate";

/** Of an object that nobody has written. */
export const ABSENT = "";
/** Of a list. */
export const PAGE = 1_000;
const TIMEOUT_MS = 20_000;
/** What a server answers to a put whose condition does not hold; 404 where the object has gone, 409 while another put runs. */
const LOST = [404, 409, 412];

/** The objects of one bucket by HTTP, as S3 serves them: https://docs.aws.amazon.com/AmazonS3/latest/API/ */
export class Objects {
  readonly #bucket: string;
  readonly #fetch: typeof fetch;

  constructor(bucket: string, send: typeof fetch) {
    this.#bucket = bucket;
    this.#fetch = send;
  }

  /**
   * `undefined` if the object still has the ETag `unless`; `ABSENT` and no bytes if it does not exist. The positions of a range
   * are inclusive.
   */
  async get(key: string, unless = ABSENT, range?: { from: number; to: number }) {
    const headers = {
      ...(unless !== ABSENT && { "if-none-match": unless }),
      ...(range && { range: `bytes=${range.from}-${range.to}` }),
    };
    const answer = await this.#send(key, { headers });
    if (answer.status === 304) return undefined;
    if (answer.status === 404) return { etag: ABSENT, bytes: new Uint8Array() };
    requireSuccess(answer);
    return { etag: etagOf(answer), bytes: new Uint8Array(await answer.arrayBuffer()) };
  }

  /** Whether it was written: only over an object of this ETag, and over `ABSENT` only where there is none. */
  async put(key: string, body: string | Uint8Array<ArrayBuffer>, expect: string): Promise<boolean> {
    const headers = expect === ABSENT ? { "if-none-match": "*" } : { "if-match": expect };
    const answer = await this.#send(key, { method: "PUT", body, headers });
    if (LOST.includes(answer.status)) return false;
    requireSuccess(answer);
    return true;
  }

  async remove(key: string): Promise<void> {
    await this.#send(key, { method: "DELETE" });
  }

  /** Up to `limit` keys after this one, in order. */
  async list(prefix: string, after = "", limit = PAGE): Promise<string[]> {
    const query = { "list-type": "2", prefix, "start-after": after, "max-keys": `${limit}` };
    const answer = await this.#send(`?${new URLSearchParams(query)}`);
    requireSuccess(answer);
    return Array.from((await answer.text()).matchAll(/<Key>([^<]*)<\/Key>/g), ([, key = ""]) => key);
  }

  async #send(path: string, init?: RequestInit): Promise<Response> {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const answer = await this.#fetch(`${this.#bucket}/${path}`, { ...init, signal });
    if (init?.method !== undefined || !answer.ok) await answer.arrayBuffer(); // so that the connection is free
    return answer;
  }
}

function etagOf(answer: Response): string {
  return answer.headers.get("etag") ?? ABSENT;
}

/** Of a put that a server could not finish nobody knows whether it took effect, so that error is no StateError. */
function requireSuccess({ ok, status }: Response): void {
  if (ok) return;
  const message = `the object store answers ${status}`;
  throw status >= 500
    ? new Error(message)
    : new StateError("UNAVAILABLE", message, { details: { reason: "refused" } });
}
