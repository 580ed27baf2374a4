import type { Codec } from "./codec.js";
import type { JsonValue } from "./json-value.js";
import { Undecodable } from "./undecodable.js";

/** Bytes of a caller's codec, with what is known of them. */
export interface Headed<H> {
  readonly header: H;
  readonly bytes: Uint8Array;
}

const NEWLINE = 0x0a;
const utf8 = new TextDecoder("utf-8", { fatal: true });

/** Stores a line of JSON and then the bytes as they are: JSON holds no raw newline. */
export function headedBytes<H>(form: {
  readonly write: (header: H) => JsonValue;
  readonly read: (header: unknown) => H;
}): Codec<Headed<H>> {
  return {
    version: 0,
    encode: ({ header, bytes }) =>
      Buffer.concat([Buffer.from(`${JSON.stringify(form.write(header))}\n`), bytes]),
    decode(stored) {
      const end = stored.indexOf(NEWLINE);
      if (end < 0) throw new Undecodable("it has no header");
      return { header: form.read(parse(stored.subarray(0, end))), bytes: stored.subarray(end + 1) };
    },
  };
}

function parse(line: Uint8Array): unknown {
  try {
    return JSON.parse(utf8.decode(line));
  } catch {
    // The parser's error quotes the text, so it must not become the cause.
    throw new Undecodable("its header is not JSON");
  }
}
