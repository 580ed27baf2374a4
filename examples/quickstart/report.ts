import { styleText } from "node:util";
import type { Usage } from "groundstate/ledger";
import type { News } from "./agent.js";
import type { Run } from "./run.js";
import type { Elsewhere, Stored } from "./stored.js";
import { type Column, printable, table } from "./table.js";

/** Rows of a long run that are shown, half from its beginning and half from its end. */
const ROWS = 24;
const STYLES = { done: "green", kept: "yellow" } as const;
const WIDTH = Math.min(process.stdout.columns || 100, 140);

type Style = Parameters<typeof styleText>[0];

/** A terminal gets colours, unless NO_COLOR says otherwise; a file never does. */
function paint(style: Style, text: string): string {
  return process.stdout.isTTY && process.stdout.hasColors() ? styleText(style, text) : text;
}

/** What became of the turn before; equal ones share a line. */
let answer: "" | keyof typeof STYLES = "";

/** What happens, as it happens. */
export const output = {
  beginning(path: string, steps: number, store: string, { tenant, user, session, run }: Run): void {
    console.log(
      paint(
        "bold",
        "\nA recorded agent run is replayed; the agent dies while it waits for an approval, and the next one in a command.\n",
      ),
    );
    print([
      ["run", `${path} (${steps} ${steps === 1 ? "step" : "steps"})`],
      ["store", masked(store)],
      ["tenant / user / session / run", `${tenant} / ${user} / ${session} / ${run}`],
    ]);
    console.log();
  },
  started(who: string, pid: number | undefined): void {
    console.log(`${paint("cyan", "▶")} ${who} started, process ${pid}`);
  },
  news(news: News): void {
    if (news.is === "claimed") printLine("run      ", `claimed, lease ${news.lease.fence}`);
    else if (news.is === "asked") printLine("approval ", `asked for turn ${news.turn}`);
    else if (news.is === "begun") printLine("command  ", `of turn ${news.turn} begun`);
    else if (news.is === "orphan")
      printLine("command  ", `of turn ${news.turn} begun before, outcome unknown`);
    else {
      const { is, turn } = news;
      if (is !== answer) process.stdout.write(`${answer && "\n"}  ${paint(STYLES[is], is.padEnd(9))}`);
      process.stdout.write(` ${turn}`);
      answer = is;
    }
  },
  decided(count: number): void {
    printLine("approval ", `${count} decided`);
    console.log(`${paint("green", "✔")} finished\n`);
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

function printLine(head: string, text: string): void {
  console.log(`${answer && "\n"}  ${paint("magenta", head)} ${printable(text)}`);
  answer = "";
}

/** What the store says in the end. */
export function printReport(
  stored: Stored,
  recorded: number,
  heard: readonly News[],
  elsewhere: Elsewhere,
): void {
  console.log(`${paint("bold", "Read back from the store")}\n`);
  printEvents(stored);
  printCosts(stored);
  const { events, asRecorded, status, run, approval, command, used, refused } = stored;
  const done = heard.filter(({ is }) => is === "done").length;
  const begun = heard.filter(({ is }) => is === "begun").length;
  const kept = heard.filter(({ is }) => is === "kept").length;
  print([
    [
      "session",
      `${status}; ${events.length} of ${recorded} steps, ${asRecorded} of them exactly as recorded`,
    ],
    [
      "run",
      `${run.status}, claimed ${run.claims} times; ${done} turns done, ${kept} kept and not done again; the first agent: ${refused.dead}`,
    ],
    [
      "approval",
      `${approval.status}; ${approval.decision?.status} by ${approval.decision?.by}; a second claim: ${refused.secondClaim}`,
    ],
    [
      "command",
      `${command.status}, said by the ${command.outcome?.by}; made ${begun === 1 ? "once" : `${begun} times`}`,
    ],
    ["costs", `${used.calls} calls, ${used.tokens} tokens, $${used.cost}; one more: ${refused.beyondBudget}`],
    [
      "seen by another tenant",
      `${elsewhere.sessions} sessions, ${elsewhere.calls} calls; the session: ${elsewhere.events}, the run: ${elsewhere.run}, the approval: ${elsewhere.approval}`,
    ],
  ]);
  console.log();
}

function printEvents({ events, steps }: Stored): void {
  const rows = events.map(({ number, at, value }, index) => [
    String(number),
    at.toISOString().slice(11, 23),
    String(steps[index]?.fence),
    value.action || value.thought,
  ]);
  const columns: Column[] = [
    { head: "step", align: "right" },
    { head: "saved (UTC)" },
    { head: "lease", align: "right" },
    { head: "action", flexible: true },
  ];
  printTable(columns, folded(rows));
}

function printCosts({ costs: { groups, total } }: Stored): void {
  const row = (name: string, usage: Usage) => [
    name,
    String(usage.calls),
    String(usage.promptTokens),
    String(usage.completionTokens),
    usage.cost,
  ];
  const columns: Column[] = [
    { head: "model (whole tenant)" },
    { head: "calls", align: "right" },
    { head: "prompt", align: "right" },
    { head: "completion", align: "right" },
    { head: "cost ($)", align: "right" },
  ];
  printTable(columns, [...groups.map((group) => row(group.key ?? "", group)), row("total", total)]);
}

function printTable(columns: readonly Column[], rows: string[][]): void {
  const [heads = "", ...lines] = table(columns, rows, WIDTH);
  console.log(`${paint("bold", heads)}\n${lines.join("\n")}\n`);
}

function folded(rows: string[][]): string[][] {
  if (rows.length <= ROWS) return rows;
  const hidden = rows.length - ROWS;
  return [...rows.slice(0, ROWS / 2), ["⋮", "", "", `${hidden} more`], ...rows.slice(-ROWS / 2)];
}

function print(facts: readonly (readonly [string, string])[]): void {
  const width = Math.max(...facts.map(([name]) => name.length));
  for (const [name, fact] of facts) console.log(`${paint("dim", name.padEnd(width))}  ${printable(fact)}`);
}

function masked(store: string): string {
  return store.replace(/(:\/\/[^/@]*?):[^@]*@/, "$1:***@").replace(/([?&]password=)[^&]*/i, "$1***");
}
