import type { Checkpoint, CheckpointMetadata, SerializerProtocol } from "@langchain/langgraph-checkpoint";
import type { CheckpointInfo } from "../../checkpoints/index.js";
import type { JsonValue } from "../../typed/json-value.js";

/** A value that was serialized, as JSON: itself if it was serialized as JSON, otherwise its bytes. */
type SerializedJson = { readonly json: JsonValue } | { readonly type: string; readonly base64: string };

/** What is stored with a checkpoint beside its channels. */
export interface StoredFields {
  readonly v: number;
  readonly ts: string;
  readonly thread: string;
  readonly namespace: string;
  readonly metadata: SerializedJson;
}

export async function fieldsOf(
  serde: SerializerProtocol,
  at: { readonly thread: string; readonly namespace: string },
  { v, ts }: Checkpoint,
  metadata: CheckpointMetadata,
): Promise<StoredFields> {
  return { v, ts, ...at, metadata: await toJson(serde, metadata) };
}

export function storedFields({ metadata }: CheckpointInfo): StoredFields {
  return metadata as unknown as StoredFields;
}

export async function metadataIn(
  serde: SerializerProtocol,
  { metadata }: StoredFields,
): Promise<CheckpointMetadata> {
  if ("json" in metadata) return serde.loadsTyped("json", JSON.stringify(metadata.json));
  return serde.loadsTyped(metadata.type, Buffer.from(metadata.base64, "base64"));
}

async function toJson(serde: SerializerProtocol, value: unknown): Promise<SerializedJson> {
  const [type, bytes] = await serde.dumpsTyped(value);
  const buffer = Buffer.from(bytes);
  return type === "json"
    ? { json: JSON.parse(buffer.toString()) }
    : { type, base64: buffer.toString("base64") };
}
