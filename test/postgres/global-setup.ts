import type { TestProject } from "vitest/node";
import { type PostgresTemplate, startPostgres } from "./server.js";

declare module "vitest" {
  interface ProvidedContext {
    /** A superuser's URL of the server that all test files share. */
    postgresUrl: string;
    /** What servers of tests' own begin with; none where the tests use a server of somebody else's. */
    postgresTemplate: PostgresTemplate | undefined;
  }
}

/** With hundreds of databases that live for seconds, it would begin a worker every second or so. */
const SETTINGS = { autovacuum_naptime: "10min" };

/** One real Postgres for all test files; another server only when GROUNDSTATE_TEST_POSTGRES names it. */
export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const other = process.env.GROUNDSTATE_TEST_POSTGRES;
  if (other) {
    project.provide("postgresUrl", other);
    project.provide("postgresTemplate", undefined);
    return undefined;
  }
  const server = await startPostgres({ settings: SETTINGS, keepTemplate: true });
  project.provide("postgresUrl", server.url);
  project.provide("postgresTemplate", { folder: server.socket, password: server.password });
  return () => server.stop();
}
