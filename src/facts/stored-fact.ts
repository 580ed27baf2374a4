import { invalid } from "../contract/errors.js";
import type { Identity } from "../contract/store.js";
import { readStateOf } from "../identity/own-state.js";
import { type Cell, cellAt, corruptRecord, decodeRecord, type SeenRecord } from "../typed/cell.js";
import { mappedJson } from "../typed/codec.js";
import type { JsonValue } from "../typed/json-value.js";
import { optional } from "../validation/fields.js";
import { readObject } from "../validation/validate.js";
import { readKind, readName } from "../validation/validate-text.js";
import type { Fact, FactsOf, Namespace } from "./fact.js";
import { kindOf, readNamespace } from "./namespace-path.js";

/** A fact as it is stored. Its time is that of its record, so the same call makes the same record at any time. */
export interface StoredFact {
  readonly namespace: Namespace;
  readonly key: string;
  readonly value: JsonValue;
  readonly run?: string;
}

/** Where a fact lies. */
export interface FactPlace {
  readonly owner: Identity;
  readonly namespace: Namespace;
  readonly key: string;
}

const FACT_CODEC = mappedJson<StoredFact>({
  write: ({ namespace, ...fact }) => ({ ...fact, namespace: [...namespace] }),
  mayBeLarge: () => true,
  read(json) {
    const given = readObject(json, "fact") as Partial<StoredFact>;
    if (given.value === undefined) throw invalid("value", "there");
    return {
      namespace: readNamespace(given.namespace, 1),
      key: readKind(given.key, "key"),
      value: given.value,
      ...optional(given, "run", readRun),
    };
  },
});

/** Reads which fact is meant. INVALID_RECORD, IDENTITY_REQUIRED. */
export function readPlace(identity: FactsOf, namespace: unknown, key: unknown): FactPlace {
  return {
    owner: readStateOf(identity),
    namespace: readNamespace(namespace, 1),
    key: readKind(key, "key"),
  };
}

export function readRun(value: unknown, field: string): string {
  return readName(value, field);
}

export function factCell({ owner, namespace, key }: FactPlace): Cell<StoredFact> {
  return cellAt(owner, kindOf(namespace, key), FACT_CODEC);
}

/** Decodes a fact. CORRUPT, also where it is another one. */
export async function seenFact(record: SeenRecord): Promise<Fact> {
  const { kind, eventId, updatedAt } = record;
  const fact = await decodeRecord(FACT_CODEC, record);
  if (!isAt(fact, kind)) throw corruptRecord(record, "a fact lies in the place of another");
  if (updatedAt === undefined) throw corruptRecord(record, "a fact has no time");
  return { ...fact, learnedAt: updatedAt, eventId };
}

function isAt({ namespace, key }: StoredFact, kind: string): boolean {
  try {
    return kindOf(namespace, key) === kind;
  } catch {
    return false;
  }
}
