import { invalid } from "../contract/errors.js";
import { readInteger, readObject } from "../validation/validate.js";
import { readText } from "../validation/validate-text.js";

/** What a record says of the content that it uses. */
export interface ContentRef {
  /** In hexadecimal digits. */
  readonly sha256: string;
  /** In bytes. */
  readonly size: number;
  /** The name of its chunks. */
  readonly chunks: string;
  /** The size of each chunk but the last. */
  readonly chunkBytes: number;
}

const SHA256 = /^[0-9a-f]{64}$/;
const MAX_NAME_BYTES = 128;

/** Reads what is stored of content. */
export function readContentRef(value: unknown): ContentRef {
  const { sha256, size, chunks, chunkBytes } = readObject(value, "content") as ContentRef;
  if (typeof sha256 !== "string" || !SHA256.test(sha256)) throw invalid("sha256", "64 hexadecimal digits");
  return {
    sha256,
    size: readInteger(size, "size", 0, Number.MAX_SAFE_INTEGER),
    chunks: readText(chunks, "chunks", MAX_NAME_BYTES),
    chunkBytes: readInteger(chunkBytes, "chunkBytes", 1, Number.MAX_SAFE_INTEGER),
  };
}
