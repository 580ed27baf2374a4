import net, { type Socket } from "node:net";
import tls from "node:tls";
import type { Tls } from "./tls-mode.js";

/** The server answered that it does not support TLS. */
export class TlsRefused extends Error {
  constructor() {
    super("the server does not offer TLS");
  }
}

/** The TLS handshake failed, or the server's certificate is not trusted. */
export class Untrusted extends Error {
  readonly code: string;

  constructor(code: string) {
    super(`no trusted TLS connection: ${code}`);
    this.code = code;
  }
}

/** https://www.postgresql.org/docs/current/protocol-message-formats.html */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);
const YES = "S";
const NO = "N";
const SOCKET_ERROR = /^E[A-Z]+$/;

/**
 * Waits until a socket is connected, and encrypts it as the options ask. Rejects with TlsRefused, Untrusted or the socket's
 * error, and closes the socket then.
 */
export async function secure(socket: Socket, options: Tls, host: string): Promise<Socket> {
  // The client adds its listener a moment later. An error without a listener would end the process.
  socket.on("error", () => {});
  try {
    await nextOf(socket, "connect");
    // A Unix socket needs no encryption.
    if (options.mode === "disable" || host.startsWith("/")) return socket;
    if (!options.direct && !(await offersTls(socket))) {
      if (options.mode === "prefer") return socket;
      throw new TlsRefused();
    }
    return await upgradeToTls(socket, options, host);
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

async function offersTls(socket: Socket): Promise<boolean> {
  socket.write(SSL_REQUEST);
  const answer = String(await nextOf(socket, "data"));
  // More than one letter means an attack: somebody injects data that the client would take for encrypted data.
  if (answer !== YES && answer !== NO) throw new Untrusted("the answer to the request for TLS is none");
  return answer === YES;
}

async function upgradeToTls(socket: Socket, options: Tls, host: string): Promise<Socket> {
  const { ca, cert, key, passphrase, mode, direct } = options;
  const name = net.isIP(host) === 0 ? host : undefined;
  const tlsSocket = tls.connect({
    socket,
    ca,
    cert,
    key,
    passphrase,
    servername: name,
    ALPNProtocols: direct ? ["postgresql"] : undefined,
    rejectUnauthorized: mode === "verify-ca" || mode === "verify-full",
    // By default Node would look for "localhost" in the certificate of a server that is named by its IP address.
    checkServerIdentity: (_, certificate) =>
      mode === "verify-full" ? tls.checkServerIdentity(host, certificate) : undefined,
  } as tls.ConnectionOptions);
  tlsSocket.on("error", () => {});
  try {
    await nextOf(tlsSocket, "secureConnect");
    return tlsSocket;
  } catch (error) {
    const { code = "failed" } = error as NodeJS.ErrnoException;
    throw SOCKET_ERROR.test(code) && code !== "EPROTO" ? error : new Untrusted(code);
  }
}

/** Resolves with the event's value. Rejects when the socket fails or closes first. */
function nextOf(socket: Socket, event: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const done = () => {
      socket.off(event, onEvent);
      socket.off("error", onError);
      socket.off("close", onClose);
    };
    const onEvent = (value: unknown) => {
      done();
      resolve(value);
    };
    const onError = (error: Error) => {
      done();
      reject(error);
    };
    const onClose = () =>
      onError(Object.assign(new Error("the connection was closed"), { code: "ECONNRESET" }));
    socket.on(event, onEvent);
    socket.on("error", onError);
    socket.on("close", onClose);
  });
}
