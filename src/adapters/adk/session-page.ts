import type { ListSessionsRequest, ListSessionsResponse, Session } from "@google/adk";
import { compareText } from "../../rules/order.js";
import { readInteger, readOneOf } from "../../validation/validate.js";

type Page = Pick<ListSessionsRequest, "limit" | "offset" | "page" | "order">;

/** The sessions of a page, with the numbers that ADK says of it. INVALID_RECORD. */
export function pageOf(all: readonly Session[], { limit, offset, page, order }: Page): ListSessionsResponse {
  const most = limit === undefined ? undefined : readCount(limit, "limit");
  const sessions = [...all].sort(orderOf(order));
  const totalItems = sessions.length;
  const skipped = offset === undefined ? 0 : readCount(offset, "offset");
  if (most === undefined) {
    const totalPages = totalItems === 0 ? 0 : 1;
    return { sessions: sessions.slice(skipped), page: 1, limit: totalItems, totalItems, totalPages };
  }
  const first =
    page === undefined ? skipped : (readInteger(page, "page", 1, Number.MAX_SAFE_INTEGER) - 1) * most;
  return {
    sessions: sessions.slice(first, first + most),
    page: page ?? (most === 0 ? 1 : Math.floor(first / most) + 1),
    limit: most,
    totalItems,
    totalPages: most === 0 ? 0 : Math.ceil(totalItems / most),
  };
}

function readCount(value: unknown, field: string): number {
  return readInteger(value, field, 0, Number.MAX_SAFE_INTEGER);
}

/** Without an order the ids give one, so that pages go together. */
function orderOf(order: Page["order"]): (one: Session, other: Session) => number {
  const byName = (one: Session, other: Session) =>
    compareText(one.id, other.id) || compareText(one.userId, other.userId);
  if (order === undefined) return byName;
  const sign = readOneOf(order, "order", ["asc", "desc"] as const) === "asc" ? 1 : -1;
  return (one, other) => sign * (one.lastUpdateTime - other.lastUpdateTime) || byName(one, other);
}
