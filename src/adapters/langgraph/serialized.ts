import type { SerializerProtocol } from "@langchain/langgraph-checkpoint";
import type { Codec } from "../../typed/codec.js";

/** A value as it is handed over; `undefined` is a value too. */
export interface Held {
  readonly value: unknown;
}

/** Values as the framework serializes them: the length of the name of the serialization, that name, and the bytes. */
export function serializedBy(serde: SerializerProtocol): Codec<Held> {
  return {
    version: 1,
    async encode({ value }) {
      const [type, bytes] = await serde.dumpsTyped(value);
      const name = Buffer.from(type);
      return Buffer.concat([Buffer.from([name.length]), name, bytes]);
    },
    async decode(bytes) {
      const end = 1 + (bytes[0] ?? 0);
      const type = Buffer.from(bytes.subarray(1, end)).toString();
      return { value: await serde.loadsTyped(type, bytes.subarray(end)) };
    },
  };
}
