import { styleText } from "node:util";
import type { Usage } from "groundstate/ledger";
import type { News } from "./agent.js";
import type { Run } from "./run.js";
import type { Elsewhere, Stored } from "./stored.js";
import { type Column, printable, table } from "./table.js";

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
export const output = {
  beginning(path: string, steps: number, store: string, { tenant, user, session, run }: Run): void {
    console.log(
      paint("bold", "\nA recorded agent run is replayed; the agent dies while it waits for an approval.\n"),
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
    if (news.is === "asked") printLine("approval ", `asked for step ${news.step}`);
    else if (news.is === "claimed")
      printLine("approval ", `claimed for step ${news.step}; again: ${news.secondClaim}`);
    else {
      const word = news.duplicate ? "duplicate" : "saved";
      if (word !== answer) process.stdout.write(`${answer && "\n"}  ${paint(STYLES[word], word.padEnd(9))}`);
      process.stdout.write(` ${news.step}`);
      answer = word;
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
  received: readonly News[],
  elsewhere: Elsewhere,
): void {
  console.log(`${paint("bold", "Read back from the store")}\n`);
  printEvents(stored, received);
  printCosts(stored);
  const { events, asRecorded, status, approval, used } = stored;
  const again = received.filter((news) => news.is === "sent" && news.again);
  const duplicates = again.filter((news) => news.is === "sent" && news.duplicate);
  const claims = received.filter((news) => news.is === "claimed");
  print([
    [
      "session",
      `${status}; ${events.length} of ${recorded} steps, ${asRecorded} of them exactly as recorded`,
    ],
    ["recognised as duplicate", `${duplicates.length} of ${again.length} sent again`],
    [
      "approval",
      `${approval.status}; ${approval.decision?.status} by ${approval.decision?.by}, claimed by ${approval.claim?.by}; a second claim: ${claims.map(({ secondClaim }) => secondClaim).join(", ")}`,
    ],
    ["costs", `${used.calls} calls, ${used.tokens} tokens, $${used.cost}; one more: ${stored.beyondBudget}`],
    [
      "seen by another tenant",
      `${elsewhere.sessions} sessions, ${elsewhere.calls} calls; the session: ${elsewhere.events}, the approval: ${elsewhere.approval}`,
    ],
  ]);
  console.log();
}

function printEvents({ events }: Stored, received: readonly News[]): void {
  const answers = new Map<number, string>();
  for (const news of received) {
    if (news.is === "sent" && news.again) answers.set(news.step, news.duplicate ? "duplicate" : "saved");
  }
  const rows = events.map(({ number, at, value }) => [
    String(number),
    at.toISOString().slice(11, 23),
    answers.get(number) ?? "",
    value.action || value.thought,
  ]);
  const columns: Column[] = [
    { head: "step", align: "right" },
    { head: "saved (UTC)" },
    { head: "sent again" },
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
