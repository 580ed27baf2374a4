import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";

interface StoredObject {
  readonly bytes: Buffer;
  readonly etag: string;
  readonly since: number;
}

/** How the server differs from one that does everything at once. */
export interface Weakness {
  /** A new object is missing from lists for so long. */
  readonly listedAfterMs?: number;
  /** Every put takes effect, whatever its condition. */
  readonly ignoresConditions?: boolean;
}

/** Objects in memory by HTTP, as S3 serves them: conditional puts, ranges, lists. */
export async function startObjectServer({ listedAfterMs = 0, ignoresConditions = false }: Weakness = {}) {
  const objects = new Map<string, StoredObject>();
  const server = createServer((request, response) => void serve(request, response));
  server.listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/bucket`;

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? "", url);
    const key = pathname.slice("/bucket/".length);
    if (request.method === "PUT") return put(key, await buffer(request), request, response);
    if (request.method === "DELETE") {
      objects.delete(key);
      return void response.writeHead(204).end();
    }
    if (key === "") return void response.end(list(searchParams));
    get(objects.get(key), request, response);
  }

  function put(key: string, bytes: Buffer, { headers }: IncomingMessage, response: ServerResponse): void {
    const old = objects.get(key);
    const isLost = headers["if-none-match"] === "*" ? old !== undefined : headers["if-match"] !== old?.etag;
    if (isLost && !ignoresConditions) return void response.writeHead(412).end();
    const etag = `"${createHash("md5").update(bytes).digest("hex")}"`;
    objects.set(key, { bytes, etag, since: old?.since ?? performance.now() });
    response.writeHead(200, { etag }).end();
  }

  function get(
    found: StoredObject | undefined,
    { headers }: IncomingMessage,
    response: ServerResponse,
  ): void {
    if (found === undefined) return void response.writeHead(404).end();
    const { etag, bytes } = found;
    if (headers["if-none-match"] === etag) return void response.writeHead(304, { etag }).end();
    const [, from, to] = /bytes=(\d+)-(\d+)/.exec(headers.range ?? "") ?? [];
    if (from === undefined) return void response.writeHead(200, { etag }).end(bytes);
    response.writeHead(206, { etag }).end(bytes.subarray(Number(from), Number(to) + 1));
  }

  function list(query: URLSearchParams): string {
    const [prefix = "", after = ""] = [query.get("prefix"), query.get("start-after")].map(
      (text) => text ?? "",
    );
    const keys = [...objects]
      .filter(
        ([key, { since }]) =>
          key.startsWith(prefix) && key > after && performance.now() - since >= listedAfterMs,
      )
      .map(([key]) => key)
      .sort()
      .slice(0, Number(query.get("max-keys")))
      .map((key) => `<Contents><Key>${key}</Key></Contents>`);
    return `<ListBucketResult>${keys.join("")}</ListBucketResult>`;
  }

  const stop = () => {
    server.closeAllConnections();
    server.close();
  };
  return { url, objects, stop };
}
