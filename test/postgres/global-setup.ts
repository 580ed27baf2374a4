import type { TestProject } from "vitest/node";
import { startPostgres } from "./server.js";

declare module "vitest" {
  interface ProvidedContext {
    /** A superuser's URL of the server that all test files share. */
    postgresUrl: string;
  }
}

/** One real Postgres for all test files; another server only when GROUNDSTATE_TEST_POSTGRES names it. */
export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const other = process.env.GROUNDSTATE_TEST_POSTGRES;
  if (other) {
    project.provide("postgresUrl", other);
    return undefined;
  }
  const server = await startPostgres();
  project.provide("postgresUrl", server.url);
  return () => server.stop();
}
