import { getTextAtPath, type IndexConfig, type PutOperation } from "@langchain/langgraph-checkpoint";
import { invalid } from "../../contract/errors.js";
import type { Codec } from "../../typed/codec.js";

/** The vectors of an item, one for each text in it. */
export type Vectors = readonly Float32Array[];

/** Vectors of equal length, one after another, as 32-bit floats. */
export function vectorsCodec({ dims }: IndexConfig): Codec<Vectors> {
  return {
    version: dims,
    encode: (vectors) => Buffer.concat(vectors.map((vector) => Buffer.from(vector.buffer))),
    decode(bytes, version) {
      // Those of a model with other dimensions are compared with nothing.
      if (version !== dims) return [];
      const floats = new Float32Array(Uint8Array.from(bytes).buffer);
      return Array.from({ length: floats.length / dims }, (_, at) =>
        floats.subarray(at * dims, (at + 1) * dims),
      );
    },
  };
}

/** The vectors of what is put, by its place in the list; none for what is deleted or not to be found. */
export async function vectorsOf(index: IndexConfig, puts: readonly PutOperation[]): Promise<Vectors[]> {
  const texts = puts.map(({ value, index: paths }) => {
    if (value === null || paths === false) return [];
    return (paths ?? index.fields ?? ["$"]).flatMap((path) => getTextAtPath(value, path));
  });
  const distinct = [...new Set(texts.flat())];
  const made = distinct.length === 0 ? [] : await index.embeddings.embedDocuments(distinct);
  const byText = new Map(distinct.map((text, at) => [text, vectorOf(index, made[at])]));
  return texts.map((each) => each.map((text) => byText.get(text) as Float32Array));
}

export async function queryVector(index: IndexConfig, query: string): Promise<Float32Array> {
  return vectorOf(index, await index.embeddings.embedQuery(query));
}

/** The cosine of the angle to the nearest of the vectors; `undefined` without any. */
export function similarity(query: Float32Array, vectors: Vectors): number | undefined {
  if (vectors.length === 0) return undefined;
  return Math.max(...vectors.map((vector) => cosine(query, vector)));
}

function cosine(one: Float32Array, other: Float32Array): number {
  const size = Math.sqrt(dot(one, one) * dot(other, other));
  return size === 0 ? 0 : dot(one, other) / size;
}

function dot(one: Float32Array, other: Float32Array): number {
  return one.reduce((sum, each, at) => sum + each * (other[at] ?? 0), 0);
}

function vectorOf({ dims }: IndexConfig, given: number[] | undefined): Float32Array {
  if (given?.length !== dims) throw invalid("index.embeddings", `a model of vectors of ${dims} numbers`);
  return Float32Array.from(given);
}
