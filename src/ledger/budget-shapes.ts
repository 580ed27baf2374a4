import { invalid } from "../contract/errors.js";
import type { StateStore } from "../contract/store.js";
import { tenantIdentity } from "../identity/identity.js";
import { type Cell, corruptRecord } from "../typed/cell.js";
import { mappedJson } from "../typed/codec.js";
import { Collection } from "../typed/collection.js";
import type { JsonValue } from "../typed/json-value.js";
import { optional } from "../validation/fields.js";
import { readInteger, readObject, readOneOf } from "../validation/validate.js";
import { type BudgetKey, type CallFilter, LEVELS, type Level } from "./budget-scope.js";
import type { EntryOwner } from "./cells.js";
import { readLabel } from "./entry.js";
import type { WriteSet } from "./write-set.js";

/**
 * What budgets have in common that differ only in whose they are and in the values they tell calls by: the monthly budgets
 * of all users, the budgets of all models. With it and a call, the keys of the budgets that count the call are known.
 */
interface Shape {
  readonly level: Level;
  /** What it tells calls by: `provider`, `model`, and names of tags as `tag.team`, in this order. */
  readonly by: readonly string[];
  readonly name?: string;
  /** How many budgets have it. */
  readonly count: number;
}

/** What the shape of a budget is made of. */
export interface Shaped extends Omit<BudgetKey, "scope"> {
  readonly level: Level;
}

/** A call as budgets see it, before or after it is made. */
export interface SeenCall extends CallFilter {
  readonly session?: string;
  readonly run?: string;
}

const MAX_SHAPES = 64;
const TAG = "tag.";

/** The shapes of a tenant's budgets, in one record that every call reads. */
export class BudgetShapes {
  readonly #shapes: Collection<readonly Shape[]>;

  constructor(store: StateStore) {
    this.#shapes = new Collection(store, "ledger.shapes", { codec: SHAPES_CODEC });
  }

  cellOf(tenant: string): Cell<readonly Shape[]> {
    return this.#shapes.at(tenantIdentity(tenant), "all");
  }

  /**
   * The keys of the budgets that may count a call; which of them exist is not known here. INVALID_RECORD where a budget tells
   * calls by something that the call does not say.
   */
  async keysFor(reads: Pick<WriteSet, "get">, owner: EntryOwner, call: SeenCall): Promise<BudgetKey[]> {
    const shapes = (await reads.get(this.cellOf(owner.tenant))) ?? [];
    return shapes.map((shape) => keyIn(shape, owner, call)).filter((key) => key !== undefined);
  }

  /** Counts a budget that is set for the first time. INVALID_RECORD where a tenant has too many shapes. */
  async add(writes: WriteSet, tenant: string, budget: Shaped): Promise<void> {
    const cell = this.cellOf(tenant);
    const [shapes, shape] = [(await writes.get(cell)) ?? [], shapeOf(budget)];
    const others = shapes.filter((other) => !isSame(other, shape));
    if (others.length >= MAX_SHAPES)
      throw invalid("name", `one of at most ${MAX_SHAPES} names and filters of budgets in a tenant`);
    const { count = 0 } = shapes.find((other) => isSame(other, shape)) ?? {};
    writes.put(cell, [...others, { ...shape, count: count + 1 }]);
  }

  /** Counts a budget that is removed. */
  async drop(writes: WriteSet, tenant: string, budget: Shaped): Promise<void> {
    const cell = this.cellOf(tenant);
    const [shapes, shape] = [(await writes.get(cell)) ?? [], shapeOf(budget)];
    const counted = shapes.find((other) => isSame(other, shape));
    if (counted === undefined) throw corruptRecord(cell, "the shape of a budget is missing");
    const others = shapes.filter((other) => other !== counted);
    const left = counted.count > 1 ? [...others, { ...counted, count: counted.count - 1 }] : others;
    if (left.length === 0) writes.remove(cell);
    else writes.put(cell, left);
  }
}

function shapeOf({ level, filter, name }: Shaped): Omit<Shape, "count"> {
  const by = [
    ...(filter.provider === undefined ? [] : ["provider"]),
    ...(filter.model === undefined ? [] : ["model"]),
    ...(filter.tags ?? []).map(([tag]) => TAG + tag),
  ];
  return { level, by, ...(name === undefined ? {} : { name }) };
}

/** The key of the only budget of a shape that can count the call, or `undefined` if none can. */
function keyIn(
  { level, by, name }: Shape,
  { tenant, user }: EntryOwner,
  call: SeenCall,
): BudgetKey | undefined {
  const names = [tenant, user, call.session, call.run].slice(0, LEVELS.indexOf(level) + 1);
  if (names.includes(undefined)) return undefined;
  const [, ofUser, session, run] = names;
  const scope = {
    tenant,
    ...(ofUser === undefined ? {} : { user: ofUser }),
    ...(session === undefined ? {} : { session }),
    ...(run === undefined ? {} : { run }),
  };
  const filter: { -readonly [K in keyof CallFilter]: CallFilter[K] } = {};
  const tags: [string, string][] = [];
  for (const field of by) {
    if (field === "provider" || field === "model") {
      const value = call[field];
      if (value === undefined) throw invalid(field, `given: a budget limits the calls of one ${field}`);
      filter[field] = value;
      continue;
    }
    const tag = call.tags?.find(([own]) => own === field.slice(TAG.length));
    if (tag === undefined) return undefined;
    tags.push([...tag]);
  }
  if (tags.length > 0) filter.tags = tags;
  return { scope, filter, ...(name === undefined ? {} : { name }) };
}

function isSame(a: Omit<Shape, "count">, b: Omit<Shape, "count">): boolean {
  return a.level === b.level && a.name === b.name && a.by.join("\0") === b.by.join("\0");
}

const SHAPES_CODEC = mappedJson<readonly Shape[]>({
  write: (shapes) => shapes.map((shape) => ({ ...shape, by: [...shape.by] })) as JsonValue[],
  read(value) {
    return (value as readonly unknown[]).map((each) => {
      const given = readObject(each, "shape") as Record<string, unknown>;
      return {
        level: readOneOf(given.level, "level", LEVELS),
        by: (given.by as readonly unknown[]).map((field) => readLabel(field, "by")),
        ...optional(given, "name", readLabel),
        count: readInteger(given.count, "count", 1, Number.MAX_SAFE_INTEGER),
      };
    });
  },
});
