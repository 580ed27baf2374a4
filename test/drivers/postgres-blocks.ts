import type { Row } from "../../drivers/postgres/client.js";
import { DEADLINE, type Parameter } from "../../drivers/postgres/connection.js";
import { namesOf } from "../../drivers/postgres/names.js";
import { type Statements, statementsOf } from "../../drivers/postgres/statements.js";
import { connectWith, type Sql } from "./postgres-rig.js";

/** Tables, their large payloads and all indexes of the driver. */
const PARTS = `
  WITH own AS (
    SELECT c.oid, c.reltoastrelid FROM pg_class AS c JOIN pg_namespace AS s ON s.oid = c.relnamespace
    WHERE s.nspname = 'groundstate' AND c.relkind = 'r'
  ), tables AS (SELECT oid FROM own UNION ALL SELECT reltoastrelid FROM own)
  SELECT array_agg(oid)::text AS parts FROM (
    SELECT oid FROM tables UNION ALL SELECT i.indexrelid FROM pg_index AS i JOIN tables AS t ON t.oid = i.indrelid
  ) AS every`;

/** The blocks that the transaction of a client has asked for so far in these, whether it found them in memory or not. */
async function blocksFetched(client: Sql, parts: string): Promise<number> {
  const text =
    "SELECT sum(pg_stat_get_xact_blocks_fetched(oid)) AS blocks FROM unnest($1::text::oid[]) AS oid";
  const [row] = await client.unsafe(text, [parts], { prepare: true });
  return Number(row?.blocks);
}

/** The blocks that one statement asks for, also inside of functions. */
export async function blocksOf<T>(
  client: Sql,
  run: () => Promise<T>,
): Promise<{ readonly blocks: number; readonly answer: T }> {
  const [row] = await client.unsafe(PARTS);
  const parts = String(row?.parts ?? "{}");
  await client.unsafe("BEGIN");
  try {
    const before = await blocksFetched(client, parts);
    const answer = await run();
    return { answer, blocks: (await blocksFetched(client, parts)) - before };
  } finally {
    await client.unsafe("COMMIT");
  }
}

export type StatementName = keyof Statements;

/** One statement that was sent, and the blocks that it took. */
interface Counted {
  readonly statement: StatementName | undefined;
  readonly blocks: number;
}

/** Clients that run each statement in a transaction and count its blocks. */
export class BlockCount {
  readonly connect: ReturnType<typeof connectWith>;
  readonly #seen = new Set<StatementName>();
  #counted: Counted[] = [];

  constructor(url: string) {
    this.connect = connectWith(url, ({ text }, run, client) => this.#count(text, client, run));
  }

  /** Runs a statement as the driver sends it, of which no client knows more. */
  async send(client: Sql, text: string, parameters: readonly Parameter[]): Promise<readonly Row[]> {
    const sent = parameters.map((value) => (value === DEADLINE ? String(Number.MAX_SAFE_INTEGER) : value));
    return this.#count(text, client, async () => client.unsafe(text, sent, { prepare: true }));
  }

  async #count<T>(text: string, client: Sql, run: () => Promise<T>): Promise<T> {
    // The connection may be asked at any time whether it is ready.
    if (text.includes("is_ready")) return run();
    const { answer, blocks } = await blocksOf(client, run);
    this.#counted.push({ statement: STATEMENT_OF.get(text), blocks });
    return answer;
  }

  /** The statements that were counted so far. */
  get seen(): ReadonlySet<StatementName> {
    return this.#seen;
  }

  /** The most blocks that one statement took meanwhile; the statements must be these and no others. */
  async of(statements: readonly StatementName[], run: () => Promise<unknown>): Promise<number> {
    this.#counted = [];
    await run();
    const sent = new Set(this.#counted.map(({ statement }) => statement));
    for (const statement of statements) {
      if (!sent.delete(statement)) throw new Error(`${statement} was not sent`);
      this.#seen.add(statement);
    }
    if (sent.size > 0) throw new Error(`besides these were sent: ${[...sent].join(", ")}`);
    return Math.max(...this.#counted.map(({ blocks }) => blocks));
  }
}

export const STATEMENTS = statementsOf(namesOf("groundstate", ""));
export const STATEMENT_NAMES = Object.keys(STATEMENTS) as StatementName[];
const STATEMENT_OF = new Map(STATEMENT_NAMES.map((name) => [STATEMENTS[name], name]));
