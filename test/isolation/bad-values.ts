const boom = (): never => {
  throw new Error("a parameter that throws");
};

/** What no parameter of a statement may be: by type, by content, or by what happens to whoever looks at it. */
export const BAD_VALUES: readonly unknown[] = [
  ...[undefined, Symbol("bad"), 10n, Number.NaN, Number.POSITIVE_INFINITY, -1, 1.5, 7, true, () => "bad"],
  ...[new Date(Number.NaN), new Date(0), new Map(), Promise.resolve("bad"), new String("bad"), /bad/],
  ...[{}, { a: 1n }, { type: 25, value: "bad", raw: "bad" }, Object.create(null)],
  ...[{ toString: boom }, { toJSON: boom }, { valueOf: boom }, { [Symbol.toPrimitive]: boom }],
  ...[new Proxy({}, { get: boom }), new Proxy([], { get: boom })],
  ...[["bad"], [undefined], [], [[null]]],
  ...[new DataView(new ArrayBuffer(3)), new Uint16Array(2), new BigInt64Array(1), new ArrayBuffer(3)],
  ...["bad\0", "bad\ud800", "\udc00bad", "\udfff\ud800", "", "'; DROP TABLE groundstate.record; --"],
  // As long as a payload may be, and longer than any index takes where no page compresses it.
  "x".repeat(1 << 17),
  Array.from({ length: 2048 }, (_, n) => String.fromCodePoint(0x4e00 + n * 7)).join(""),
];
