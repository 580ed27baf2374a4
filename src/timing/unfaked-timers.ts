import { Socket } from "node:net";
import { MessageChannel, type MessagePort } from "node:worker_threads";

/** What is used of a timer. */
export interface Timer {
  unref(): unknown;
}

export type SetTimer = (act: () => void, ms: number) => Timer;

/** What keeps the process alive while a timer or a turn is waited for, since a signal and an idle port do not. */
class Alive {
  readonly #port: MessagePort;
  #owed = 0;

  constructor(port: MessagePort) {
    this.#port = port;
    port.unref();
  }

  hold(): void {
    if (this.#owed++ === 0) this.#port.ref();
  }

  release(): void {
    if (--this.#owed === 0) this.#port.unref();
  }
}

/** Cleared by its own method. */
export class SocketTimer implements Timer {
  readonly #socket = new Socket();
  #alive: Alive | undefined;

  constructor(act: () => void, ms: number, alive: Alive) {
    this.#alive = alive;
    alive.hold();
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
    this.#alive?.release();
    this.#alive = undefined;
  }
}

/** `setTimeout`, made of the time that a socket may be idle, also one that is not connected. */
export function timeoutOfSocket(): SetTimer {
  const { port2 } = openPorts();
  const alive = new Alive(port2);
  return (act, ms) => new SocketTimer(act, ms, alive);
}

/** `setImmediate`, made of messages to oneself, which come in a later turn of the event loop. */
export function turnOfPort(): (act: () => void) => void {
  const { port1, port2 } = openPorts();
  const alive = new Alive(port2);
  const acts: (() => void)[] = [];
  port2.on("message", () => {
    alive.release();
    acts.shift()?.();
  });
  return (act) => {
    alive.hold();
    acts.push(act);
    port1.postMessage(null);
  };
}

/** A port keeps the process alive only once somebody listens to it. */
function openPorts(): MessageChannel {
  const channel = new MessageChannel();
  channel.port1.unref();
  channel.port2.on("message", () => {});
  return channel;
}
