import type { Change, Identity } from "../../src/index.js";
import type { ListQuery, Place, SessionsQuery } from "./model.js";

/** One thing asked of a store. `together` is asked of it all at once, so that it shares batches. */
export type Step = Ask & {
  /** Which of the stores of the space is asked; absent: the first. */
  readonly at?: number;
};

type Ask =
  | { readonly ask: "commit"; readonly changes: readonly Change[] }
  | { readonly ask: "together"; readonly commits: readonly (readonly Change[])[] }
  | { readonly ask: "erase"; readonly identity: Identity; readonly prefix?: string }
  /** The window passes. */
  | { readonly ask: "wait" }
  /** The store is closed, and opened again. */
  | { readonly ask: "restart" }
  | { readonly ask: "find"; readonly identity: Identity; readonly kind: string }
  | { readonly ask: "loadByEventId"; readonly identity: Identity; readonly eventId: string }
  /** With `bytes: false`, without payloads. */
  | {
      readonly ask: "list";
      readonly identity: Identity;
      readonly prefix: string;
      readonly query: ListQuery;
      readonly bytes?: false;
    }
  /** Lists of so many records, each going on where the one before ended. */
  | {
      readonly ask: "pages";
      readonly identity: Identity;
      readonly prefix: string;
      readonly limit: number;
      readonly reverse: boolean;
    }
  | { readonly ask: "count"; readonly identity: Identity; readonly prefix: string; readonly query: ListQuery }
  | {
      readonly ask: "listKind";
      readonly tenant: string | undefined;
      readonly prefix: string;
      readonly after?: Place;
      readonly limit?: number;
    }
  | {
      readonly ask: "listSessions";
      readonly tenant: string;
      readonly user: string;
      readonly query: SessionsQuery;
    };
