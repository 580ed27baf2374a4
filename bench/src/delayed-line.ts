import { type AddressInfo, connect, createServer, type Socket } from "node:net";

export interface DelayedLine {
  /** The same address, by way of the line. */
  readonly url: string;
  close(): void;
}

/** A line to a server on which each direction takes this many milliseconds. */
export async function openDelayedLine(url: string, delayMs: number): Promise<DelayedLine> {
  const target = new URL(url);
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (near) => {
    const far = connect({ host: target.hostname, port: Number(target.port || 5432), noDelay: true });
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      // Timers of one length run in the order in which they were set.
      from.on("data", (data) => setTimeout(() => to.write(data), delayMs));
      from.on("close", () => {
        sockets.delete(from);
        setTimeout(() => to.destroy(), delayMs);
      });
      from.on("error", () => to.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const near = new URL(url);
  near.hostname = "127.0.0.1";
  near.port = String((server.address() as AddressInfo).port);
  return {
    url: near.href,
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
