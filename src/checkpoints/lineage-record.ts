import { LIMITS } from "../contract/limits.js";
import type { SessionIdentity } from "../contract/store.js";
import { type Cell, cellAt } from "../typed/cell.js";
import { mappedJson } from "../typed/codec.js";
import type { JsonValue } from "../typed/json-value.js";
import { itemKind } from "../typed/names.js";
import { readInteger, readObject } from "../validation/validate.js";
import { readText } from "../validation/validate-text.js";
import { LINEAGES, lineageId } from "./kinds.js";

/** What a lineage is a copy of. */
export interface Origin {
  readonly lineage: string;
  /** The number of the last checkpoint that is copied. */
  readonly upTo: number;
  /** Separates the event ids of these copies from those of an earlier lineage of this name. */
  readonly copy: string;
}

/** A lineage as it is stored. Every put changes it. */
export interface LineageRecord {
  readonly name: string;
  /** Where its values lie. A fork has the pool of its origin. */
  readonly pool: string;
  /** The number of the next checkpoint. */
  readonly next: number;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  /** Other lineages may have the same pool. */
  readonly shared: boolean;
  readonly origin?: Origin;
  /** It is being copied, up to this kind of its origin: nobody sees it yet. */
  readonly copied?: string;
}

const LINEAGE_CODEC = mappedJson<LineageRecord>({ write: (record) => record as unknown as JsonValue, read });

export function lineageCell(owner: SessionIdentity, lineage: string): Cell<LineageRecord> {
  return cellAt(owner, itemKind(LINEAGES, lineageId(lineage)), LINEAGE_CODEC);
}

export { LINEAGE_CODEC };

function read(value: unknown): LineageRecord {
  const given = readObject(value, "lineage") as LineageRecord;
  const { origin, copied } = given;
  return {
    name: readText(given.name, "name", LIMITS.kindBytes),
    pool: readText(given.pool, "pool", LIMITS.nameBytes),
    next: readInteger(given.next, "next", 1, Number.MAX_SAFE_INTEGER),
    createdAt: readInteger(given.createdAt, "createdAt", LIMITS.earliest, LIMITS.latest),
    shared: given.shared === true,
    ...(origin !== undefined && { origin: readOrigin(origin) }),
    ...(copied !== undefined && { copied: readText(copied, "copied", LIMITS.kindBytes) }),
  };
}

function readOrigin(value: unknown): Origin {
  const { lineage, upTo, copy } = readObject(value, "origin") as Origin;
  return {
    lineage: readText(lineage, "lineage", LIMITS.kindBytes),
    upTo: readInteger(upTo, "upTo", 0, Number.MAX_SAFE_INTEGER),
    copy: readText(copy, "copy", LIMITS.nameBytes),
  };
}
