import type { Socket } from "node:net";
import type { MessageChannel, MessagePort } from "node:worker_threads";

// Loaded when they are needed, which is under fake timers only: to load them takes longer than the rest of this module.
const { getBuiltinModule } = process;

/** The part of a timer that is used. */
export interface Timer {
  unref(): unknown;
}

export type SetTimer = (act: () => void, ms: number) => Timer;

/** Keeps the process alive while a timer or immediate is pending: neither an unconnected socket nor an idle port does. */
class KeepAlive {
  readonly #port: MessagePort;
  #holds = 0;

  constructor(port: MessagePort) {
    this.#port = port;
    port.unref();
  }

  hold(): void {
    if (this.#holds++ === 0) this.#port.ref();
  }

  release(): void {
    if (--this.#holds === 0) this.#port.unref();
  }
}

/** A timer made of a socket; cleared by its own method. */
export class SocketTimer implements Timer {
  readonly #socket: Socket = new (getBuiltinModule("node:net").Socket)();
  #keepAlive: KeepAlive | undefined;

  constructor(act: () => void, ms: number, keepAlive: KeepAlive) {
    this.#keepAlive = keepAlive;
    keepAlive.hold();
    this.#socket.setTimeout(Math.max(1, ms), () => {
      this.clear();
      act();
    });
  }

  clear(): void {
    this.unref();
    this.#socket.setTimeout(0);
  }

  unref(): void {
    this.#keepAlive?.release();
    this.#keepAlive = undefined;
  }
}

/** `setTimeout`, built from the idle timeout of a socket, which works without a connection. */
export function timeoutFromSocket(): SetTimer {
  const { port2 } = openPorts();
  const keepAlive = new KeepAlive(port2);
  return (act, ms) => new SocketTimer(act, ms, keepAlive);
}

/** `setImmediate`, built from messages to oneself, which arrive in a later turn of the event loop. */
export function immediateFromPort(): (act: () => void) => void {
  const { port1, port2 } = openPorts();
  const keepAlive = new KeepAlive(port2);
  const acts: (() => void)[] = [];
  port2.on("message", () => {
    keepAlive.release();
    acts.shift()?.();
  });
  return (act) => {
    keepAlive.hold();
    acts.push(act);
    port1.postMessage(null);
  };
}

/** A channel whose `port2` has a listener: without one, `ref` would not keep the process alive. */
function openPorts(): MessageChannel {
  const channel = new (getBuiltinModule("node:worker_threads").MessageChannel)();
  channel.port1.unref();
  channel.port2.on("message", () => {});
  return channel;
}
