import { isDeepStrictEqual } from "node:util";

/** A call that can be repeated when its answer was lost: with the same token and content it gets the same answer. */
export interface Repeatable {
  /** 1 to 128 UTF-8 bytes, unique to this call. */
  readonly token?: string;
}

/** The stored form of what somebody did, with the token by which a repeated call is recognised. */
export type StoredAct<T extends { readonly at: Date }> = Omit<T, "at"> & Repeatable & { readonly at: number };

/** Whether the call is a repetition: it has the same token and content. */
export function isRepeat<T extends Repeatable & { readonly at: number }>(
  { at: _, ...before }: T,
  made: Omit<T, "at"> & Repeatable,
): boolean {
  return made.token !== undefined && isDeepStrictEqual(before, made);
}

/** What somebody did as a caller sees it: without the token, which is its caller's secret. */
export function withDate<T extends Repeatable & { readonly at: number }>({ at, token: _, ...rest }: T) {
  return { ...rest, at: new Date(at) };
}
