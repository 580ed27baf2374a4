/** Pieces as one. They are collected before they are joined: a size that is damaged must not allocate memory. */
export async function joined(pieces: AsyncIterable<Uint8Array>, size: number): Promise<Uint8Array> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece);
  const whole = new Uint8Array(size);
  let from = 0;
  for (const piece of all) {
    whole.set(piece, from);
    from += piece.length;
  }
  return whole;
}
