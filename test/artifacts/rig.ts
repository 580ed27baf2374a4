/** Bytes that no two chunks have alike. */
export function bytesOf(size: number, seed = 1): Uint8Array {
  const words = new Uint32Array(Math.ceil(size / 4));
  let state = seed;
  for (let at = 0; at < words.length; at++) {
    // https://en.wikipedia.org/wiki/Linear_congruential_generator
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    words[at] = state;
  }
  return new Uint8Array(words.buffer, 0, size);
}

/** The bytes in pieces of this size, as a stream gives them; says how far it was read and whether it was told to stop. */
export function streamOf(bytes: Uint8Array, pieceBytes: number) {
  const state = { read: 0, isStopped: false };
  async function* pieces() {
    try {
      for (; state.read < bytes.length; ) {
        const piece = bytes.subarray(state.read, state.read + pieceBytes);
        state.read += piece.length;
        yield piece;
      }
    } finally {
      state.isStopped = state.read < bytes.length;
    }
  }
  return Object.assign(pieces(), { state });
}

export async function collected(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece);
  return Buffer.concat(all);
}
