import type { ListSessionsRequest, ListSessionsResponse } from "@google/adk";
import { readInteger, readOneOf } from "../../validation/validate.js";

type Asked = Pick<ListSessionsRequest, "limit" | "offset" | "page" | "order">;

/** Which sessions of a list are shown, and in which order the list is. */
export interface Page {
  readonly order: "asc" | "desc" | undefined;
  readonly limit: number | undefined;
  readonly first: number;
  readonly number: number;
}

/** INVALID_RECORD. */
export function readPage({ limit, offset, page, order }: Asked): Page {
  const most = limit === undefined ? undefined : readCount(limit, "limit");
  const skipped = offset === undefined ? 0 : readCount(offset, "offset");
  const asked = page === undefined ? undefined : readInteger(page, "page", 1, Number.MAX_SAFE_INTEGER);
  const first = most === undefined || asked === undefined ? skipped : (asked - 1) * most;
  return {
    order: order === undefined ? undefined : readOneOf(order, "order", ["asc", "desc"] as const),
    limit: most,
    first,
    number: most === undefined ? 1 : (asked ?? (most === 0 ? 1 : Math.floor(first / most) + 1)),
  };
}

/** What is shown of a list. */
export function shownOf<T>(all: readonly T[], { first, limit = all.length }: Page): T[] {
  return all.slice(first, first + limit);
}

/** What ADK says of a page beside its sessions. */
export function numbersOf(
  totalItems: number,
  { limit = totalItems, number }: Page,
): Omit<ListSessionsResponse, "sessions"> {
  return { page: number, limit, totalItems, totalPages: limit === 0 ? 0 : Math.ceil(totalItems / limit) };
}

function readCount(value: unknown, field: string): number {
  return readInteger(value, field, 0, Number.MAX_SAFE_INTEGER);
}
