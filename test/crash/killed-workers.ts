import { expect, vi } from "vitest";
import { postgresOf } from "../drivers/postgres-rig.js";

const NAME = "killed-worker";

/** The URL for processes that will be killed. A Postgres server knows their connections by a name. */
export function urlOfWorkers(url: string): string {
  if (!url.startsWith("postgres")) return url;
  const named = new URL(url);
  named.searchParams.set("application_name", NAME);
  return named.href;
}

/** Resolves when nothing of the killed processes runs any more. On Postgres their last statement may end after them. */
export async function workersHaveEnded(url: string): Promise<void> {
  if (!url.startsWith("postgres")) return;
  const sql = postgresOf(url);
  try {
    await vi.waitFor(
      async () => {
        const running = await sql`SELECT FROM pg_stat_activity
          WHERE datname = current_database() AND application_name = ${NAME}`;
        expect(running).toHaveLength(0);
      },
      { timeout: 60_000, interval: 20 },
    );
  } finally {
    await sql.end({ timeout: 1 });
  }
}
