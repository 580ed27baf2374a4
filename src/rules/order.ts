import type { ScanQuery, Session, Slot } from "../contract/driver.js";

/** Compares well-formed strings by their UTF-8 bytes, which is by code point. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

/** Ascending (tenant, user, session, run, kind): the order of one identity's records. */
export function compareByIdentity(a: Slot, b: Slot): number {
  return (
    compareText(a.tenant, b.tenant) ||
    compareText(a.user, b.user) ||
    compareText(a.session, b.session) ||
    compareText(a.run, b.run) ||
    compareText(a.kind, b.kind)
  );
}

/** Ascending (tenant, kind, user, session, run): the order of a scan across identities. */
export function compareByKind(a: Slot, b: Slot): number {
  return (
    compareText(a.tenant, b.tenant) ||
    compareText(a.kind, b.kind) ||
    compareText(a.user, b.user) ||
    compareText(a.session, b.session) ||
    compareText(a.run, b.run)
  );
}

/** A position after every slot of a session, and before every slot of a later one: no name holds a NUL. */
export function afterSession({ tenant, user, session }: Session): Slot {
  return { tenant, user, session: `${session}\u0001`, run: "", kind: "" };
}

/**
 * The least string greater than every string with this prefix, or `undefined` if there is none. The strings with the prefix
 * are the range from the prefix up to, and without, this string.
 */
export function prefixEnd(prefix: string): string | undefined {
  const points = Array.from(prefix, (character) => character.codePointAt(0) as number);
  for (let last = points.pop(); last !== undefined; last = points.pop()) {
    if (last === 0x10ffff) continue;
    const next = last === 0xd7ff ? 0xe000 : last + 1;
    return String.fromCodePoint(...points, next);
  }
  return undefined;
}

/** The kinds that a scan of one identity covers: from `from` up to, and without, `until`; to the end if that is undefined. */
export function kindRange(query: Pick<ScanQuery, "prefix" | "from" | "after" | "before">): {
  from: string;
  until: string | undefined;
} {
  const { prefix, from, after, before } = query;
  // No kind holds a NUL, so the least that can follow a kind is itself and U+0001.
  const next = after === undefined ? prefix : `${after.kind}\u0001`;
  const end = prefixEnd(prefix);
  return {
    from: later(later(prefix, next), from?.kind ?? prefix),
    until:
      before !== undefined && (end === undefined || compareText(before.kind, end) < 0) ? before.kind : end,
  };
}

function later(a: string, b: string): string {
  return compareText(a, b) > 0 ? a : b;
}

/** UTF-16 units in code point order: surrogates, which begin astral characters, rank above U+E000 to U+FFFF. */
function rank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}
