import type { StateStore } from "../../../src/index.js";
import type { Caller, Findings, Work } from "../load.js";
import { event, sessionOf } from "./records.js";

const ACCOUNTS = sessionOf("accounts");
const TALLIES = sessionOf("tallies");
const COUNT = 8;
const OPENING = 1000;

/** Accounts between which many transfer, and a tally of each one's transfers in another session: no sum ever changes. */
export class Accounts implements Work {
  readonly #transfers = new Map<string, number>();

  async prepare(store: StateStore): Promise<void> {
    for (let n = 0; n < COUNT; n++) await store.save(event(ACCOUNTS, `account/${n}`, "", OPENING));
  }

  async step(caller: Caller): Promise<void> {
    const { store, random, findings, insist } = caller;
    if (random.chance(0.25)) {
      const sum = await insist(() => balance(store));
      if (sum !== COUNT * OPENING) findings.torn.push(`accounts held ${sum}`);
      return;
    }
    const from = random.below(COUNT);
    const to = (from + 1 + random.below(COUNT - 1)) % COUNT;
    await this.#transfer(caller, `account/${from}`, `account/${to}`);
  }

  async look(store: StateStore, findings: Findings): Promise<void> {
    const sum = await balance(store);
    if (sum !== COUNT * OPENING) findings.torn.push(`accounts hold ${sum}`);
    for (const [tally, transfers] of this.#transfers) {
      const { version } = await store.load(TALLIES, tally);
      if (version < transfers) findings.lost.push(`${tally} is ${version} of ${transfers}`);
      if (version > transfers) findings.twice.push(`${tally} is ${version} of ${transfers}`);
    }
  }

  async #transfer({ number, store, insist, commit }: Caller, from: string, to: string): Promise<void> {
    const [source, target] = await Promise.all(
      [from, to].map((kind) => insist(() => store.load(ACCOUNTS, kind))),
    );
    if (source === undefined || target === undefined || source.version === 0) return;
    const tally = `tally/${number}`;
    const transfers = (this.#transfers.get(tally) ?? 0) + 1;
    const happened = await commit([
      { op: "save", record: event(ACCOUNTS, from, "", source.version - 1), expect: source.eventId },
      { op: "save", record: event(ACCOUNTS, to, "", target.version + 1), expect: target.eventId },
      { op: "save", record: event(TALLIES, tally, "", transfers) },
    ]);
    if (happened) this.#transfers.set(tally, transfers);
  }
}

async function balance(store: StateStore): Promise<number> {
  const accounts = await store.list(ACCOUNTS, "account/");
  return accounts.reduce((sum, { version }) => sum + version, 0);
}
