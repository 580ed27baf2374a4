import { type AddressInfo, connect, createServer, type Socket } from "node:net";

export interface DelayedLine {
  /** The same address, by way of the line. */
  readonly url: string;
  close(): void;
}

/** A timer may come as much later than it was asked for, in milliseconds. */
const COARSE_MS = 2;

/**
 * A line to a server on which each direction takes this many milliseconds. Timers are too coarse for the last of them, which
 * take the CPU of this process instead.
 */
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
      const late = inOrder(delayMs);
      from.on("data", (data) => late(() => to.write(data)));
      from.on("close", () => {
        sockets.delete(from);
        late(() => to.destroy());
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

/** Runs each call so many milliseconds later, in the order in which they came. */
function inOrder(delayMs: number): (call: () => void) => void {
  const waiting: { readonly due: number; readonly call: () => void }[] = [];
  const next = (): void => {
    const now = performance.now();
    for (let first = waiting[0]; first !== undefined && first.due <= now; first = waiting[0]) {
      waiting.shift();
      first.call();
    }
    const left = (waiting[0]?.due ?? Number.NaN) - now;
    if (left > COARSE_MS) setTimeout(next, left - COARSE_MS);
    else if (left > 0) setImmediate(next);
  };
  return (call) => {
    if (waiting.push({ due: performance.now() + delayMs, call }) === 1) next();
  };
}
