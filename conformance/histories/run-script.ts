import { inspect, isDeepStrictEqual } from "node:util";
import type { StateStore } from "../../src/index.js";
import { firstDifference } from "../assertions/first-difference.js";
import { Model, sessionOf } from "./model.js";
import { perform } from "./perform.js";
import { chosen, predict } from "./predict.js";
import type { Script } from "./script.js";
import type { Step } from "./step.js";
import { askedInWords } from "./words.js";

/** What a script is asked of. */
export interface Subject {
  /** Stores of one space, by number. */
  store(at: number): StateStore;
  /** Closes a store and opens it again. Absent where no script asks for that. */
  restart?(at: number): Promise<void>;
  /** Lets the window pass. Absent where no script asks for that. */
  wait?(): Promise<void>;
}

/** The store answered something else than the model, or failed. */
export class Mismatch extends Error {
  /** The last step that was asked. */
  readonly number: number;
  readonly step: Step;
  readonly answered: string;
  readonly expected: string;

  constructor(number: number, step: Step, answered: string, expected: string, options?: ErrorOptions) {
    super(`step ${number + 1}, ${askedInWords(step)}\nanswered ${answered}\nand not ${expected}`, options);
    this.number = number;
    this.step = step;
    this.answered = answered;
    this.expected = expected;
  }
}

/**
 * Asks what the script says, step by step, and compares every answer with the model's, and in the end all that is stored;
 * rejects with a Mismatch where they differ. Then everything is erased: what is left would show in the next script's scans
 * across tenants.
 */
export async function runScript({ world, steps }: Script, subject: Subject): Promise<void> {
  const model = new Model();
  let number = 0;
  for (; number < steps.length; number++) {
    const step = steps[number] as Step;
    if (step.ask === "wait") await subject.wait?.();
    if (step.ask === "restart") await restart(number, step, subject);
    await compare(number, step, subject, model);
  }
  for (const step of lookingBack(world)) await compare(number, step, subject, model);
  for (const identity of world.identities)
    await subject.store(0).erase(sessionOf(identity), { ownState: true });
}

/** What is asked in the end: all that is stored, and of one identity each slot. */
function lookingBack({ identities, kinds }: Script["world"]): readonly Step[] {
  const [first] = identities;
  return [
    ...identities.map((identity): Step => ({ ask: "list", identity, prefix: "", query: {} })),
    ...kinds.flatMap((kind): Step[] => (first ? [{ ask: "find", identity: first, kind }] : [])),
  ];
}

async function restart(number: number, step: Step, subject: Subject): Promise<void> {
  await subject.restart?.(step.at ?? 0).catch((cause: unknown) => {
    throw new Mismatch(number, step, `an error, ${shown(cause)}`, "that it is open again", { cause });
  });
}

async function compare(number: number, step: Step, subject: Subject, model: Model): Promise<void> {
  const expected = predict(model, step);
  const answered = await perform(subject.store(step.at ?? 0), step).catch((cause: unknown) => {
    throw new Mismatch(number, step, `an error, ${shown(cause)}`, shown(expected), { cause });
  });
  const due = chosen(answered, expected);
  if (isDeepStrictEqual(answered, due)) return;
  const difference = firstDifference(answered, due);
  const where = difference === undefined ? "" : ` (${difference})`;
  throw new Mismatch(number, step, `${shown(answered)}${where}`, shown(due));
}

const SHOWN_CHARACTERS = 400;

function shown(value: unknown): string {
  const text =
    value instanceof Error
      ? value.message
      : inspect(value, { depth: 6, breakLength: 110, maxStringLength: 60 });
  return text.length <= SHOWN_CHARACTERS ? text : `${text.slice(0, SHOWN_CHARACTERS)} …`;
}
