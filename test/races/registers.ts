import type { Operation, Specification } from "../../conformance/histories/linearizable.js";

/** An operation on registers, of which several may be written or read at once. */
export interface Use extends Operation {
  readonly writes?: Registers;
  readonly reads?: Registers;
  /** The writes happen if this is what is there. */
  readonly if?: Registers;
  readonly did?: boolean;
}

export type Registers = Readonly<Record<string, number>>;

/** All begin with 0. */
export const REGISTERS: Specification<Registers, Use> = {
  initial: {},
  step(state, { reads = {}, writes = {}, if: condition = {}, did = true, ended }) {
    const holds = agrees(state, condition);
    if (ended !== undefined && (!agrees(state, reads) || holds !== did)) return undefined;
    return holds ? { ...state, ...writes } : state;
  },
  key: (state) => JSON.stringify(Object.entries(state).sort()),
};

/**
 * Operations drawn as lines: `x=1 |---|` writes 1 from the first bar to the second, `x?1` reads 1, `x=2,y=2` writes both,
 * `x:0=1` writes if there is 0, `x:0!1` finds that there is not; without a second bar there was no answer.
 */
export function history(...lines: readonly string[]): readonly Use[] {
  return lines.map((line) => {
    const [began, ended] = [line.indexOf("|"), line.lastIndexOf("|")];
    const parts = line.slice(0, began).trim().split(",").map(part);
    const together = <K extends "reads" | "writes">(kind: K): Registers =>
      Object.assign({}, ...parts.map((part) => part[kind]));
    return {
      ...parts[0],
      reads: together("reads"),
      writes: together("writes"),
      began,
      ...(ended > began ? { ended } : {}),
    };
  });
}

function part(text: string): Partial<Use> {
  const [, name = "", , condition, sign, value] = /^(\w+)(:(\d+))?([=?!])(\d+)$/.exec(text) ?? [];
  const one = { [name]: Number(value) };
  if (sign === "?") return { reads: one };
  return condition === undefined
    ? { writes: one }
    : { writes: one, if: { [name]: Number(condition) }, did: sign === "=" };
}

function agrees(state: Registers, expected: Registers): boolean {
  return Object.entries(expected).every(([name, value]) => (state[name] ?? 0) === value);
}
