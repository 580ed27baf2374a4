import Database from "better-sqlite3";
import postgres from "postgres";

/** All rows and columns of all tables of a database, as text. */
export async function wholeDatabase(url: string): Promise<string> {
  if (url.startsWith("sqlite:")) return ofSqlite(url.slice("sqlite:".length));
  return ofPostgres(url);
}

function ofSqlite(path: string): string {
  const db = new Database(path, { readonly: true });
  try {
    const tables = db
      .prepare("SELECT name FROM sqlite_master WHERE type = 'table'")
      .pluck()
      .all() as string[];
    return tables.map((table) => textOf(db.prepare(`SELECT * FROM "${table}"`).all())).join("\n");
  } finally {
    db.close();
  }
}

async function ofPostgres(url: string): Promise<string> {
  const sql = postgres(url, { max: 1, onnotice() {} });
  try {
    const tables = await sql`
      SELECT table_schema AS schema, table_name AS name FROM information_schema.tables
      WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema')`;
    const texts = [];
    for (const { schema, name } of tables)
      texts.push(textOf(await sql`SELECT * FROM ${sql(schema)}.${sql(name)}`));
    return texts.join("\n");
  } finally {
    await sql.end();
  }
}

function textOf(rows: readonly unknown[]): string {
  const values = rows.flatMap((row) => Object.values(row as object) as unknown[]);
  // Payloads are decoded, so that a search for text finds them.
  return values
    .map((value) => (value instanceof Uint8Array ? Buffer.from(value).toString() : String(value)))
    .join("\n");
}
