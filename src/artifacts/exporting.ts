/** A piece of content: where it begins, in bytes, and its bytes in base64. */
export interface ExportedPiece {
  readonly at: number;
  readonly bytes: string;
}

/** What is known of a content, with the field `of` for whose it is, and then the content in pieces of up to a mebibyte. */
export async function* exportedContent(
  info: object,
  of: object,
  pieces: AsyncIterable<Uint8Array>,
): AsyncGenerator<object> {
  yield info;
  let at = 0;
  for await (const piece of pieces) {
    yield { ...of, content: { at, bytes: Buffer.from(piece).toString("base64") } satisfies ExportedPiece };
    at += piece.length;
  }
}
