import { styleText } from "node:util";
import type { Identity } from "groundstate";
import type { Sent } from "./agent.js";
import type { Elsewhere, Stored } from "./stored.js";
import { printable, table } from "./table.js";

/** Rows of a long run that are shown, half from its beginning and half from its end. */
const ROWS = 24;
const STYLES = { saved: "green", duplicate: "yellow" } as const;
const WIDTH = Math.min(process.stdout.columns || 100, 140);

type Style = Parameters<typeof styleText>[0];

/** A terminal gets colours, unless NO_COLOR says otherwise; a file never does. */
function paint(style: Style, text: string): string {
  return process.stdout.isTTY && process.stdout.hasColors() ? styleText(style, text) : text;
}

/** What the store answered last; equal answers share a line. */
let answer: "" | keyof typeof STYLES = "";

/** What happens, as it happens. */
export const say = {
  beginning(run: string, steps: number, store: string, { tenant, user, session, run: id }: Identity): void {
    console.log(
      paint("bold", "\nA recorded agent run goes into the store; half-way, the agent is killed.\n"),
    );
    print([
      ["run", `${run} (${steps} ${steps === 1 ? "step" : "steps"})`],
      ["store", masked(store)],
      ["tenant / user / session / run", `${tenant} / ${user} / ${session} / ${id}`],
    ]);
    console.log();
  },
  started(pid: number | undefined): void {
    console.log(`${paint("cyan", "▶")} agent started, process ${pid}`);
  },
  sent({ step, duplicate }: Sent): void {
    const word = duplicate ? "duplicate" : "saved";
    if (word !== answer) process.stdout.write(`${answer && "\n"}  ${paint(STYLES[word], word.padEnd(9))}`);
    process.stdout.write(` ${step}`);
    answer = word;
  },
  ended(pid: number | undefined, signal: NodeJS.Signals | null): void {
    const how =
      signal === null ? `${paint("green", "✔")} finished` : `${paint("red", "✘")} killed with ${signal}`;
    console.log(`${answer && "\n"}${how}, process ${pid}\n`);
    answer = "";
  },
  failure(message: string): void {
    console.error(`quickstart: ${printable(message)}`);
  },
};

/** What the store says in the end. */
export function printReport(stored: Stored, recorded: number, elsewhere: Elsewhere): void {
  const { steps, asRecorded, restart, writtenTwice } = stored;
  const answers = new Map(
    restart?.sentAgain.map(({ step, duplicate }) => [step, duplicate ? "duplicate" : "saved"]),
  );
  const rows = steps.map(({ number, step, record }) => [
    String(number),
    record.updatedAt.toISOString().slice(11, 23),
    String(record.bytes.byteLength),
    answers.get(number) ?? "",
    step.action || step.thought,
  ]);
  const [heads = "", ...lines] = table(
    [
      { head: "step", align: "right" },
      { head: "saved (UTC)" },
      { head: "bytes", align: "right" },
      { head: "sent again" },
      { head: "action", flexible: true },
    ],
    folded(rows),
    WIDTH,
  );
  console.log(`${paint("bold", "Read back from the store")}\n`);
  console.log(`${paint("bold", heads)}\n${lines.join("\n")}\n`);

  const again = restart?.sentAgain ?? [];
  const duplicates = again.filter(({ duplicate }) => duplicate);
  print([
    ["stored", `${steps.length} of ${recorded} steps, ${asRecorded} of them exactly as recorded`],
    ["found after the kill", `${restart?.foundStep ?? 0} steps`],
    ["recognised as duplicate", `${duplicates.length} of ${again.length} sent again (${numbers(again)})`],
    ["written twice", writtenTwice.length === 0 ? "none" : writtenTwice.join(", ")],
    [
      "seen by another tenant",
      `${elsewhere.records} records; an event id of this run: ${elsewhere.byEventId}`,
    ],
  ]);
  console.log();
}

function folded(rows: string[][]): string[][] {
  if (rows.length <= ROWS) return rows;
  const hidden = rows.length - ROWS;
  return [...rows.slice(0, ROWS / 2), ["⋮", "", "", "", `${hidden} more`], ...rows.slice(-ROWS / 2)];
}

function print(facts: readonly (readonly [string, string])[]): void {
  const width = Math.max(...facts.map(([name]) => name.length));
  for (const [name, fact] of facts) console.log(`${paint("dim", name.padEnd(width))}  ${printable(fact)}`);
}

function numbers(sent: readonly Sent[]): string {
  return `steps ${sent.map(({ step }) => step).join(", ")}`;
}

function masked(store: string): string {
  return store.replace(/(:\/\/[^/@]*?):[^@]*@/, "$1:***@").replace(/([?&]password=)[^&]*/i, "$1***");
}
