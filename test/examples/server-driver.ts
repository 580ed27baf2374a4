import { createStore, type Driver, newEventId } from "groundstate";
import { cases, conformanceTests, type Harness } from "groundstate/conformance";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CASE_MS } from "../conformance/case-limit.js";
import { isSoak, sampleOf } from "../soak.js";
import type { Server } from "./servers.js";

/** An example's driver for a server, and how it is tested. */
interface ServerDriver {
  readonly harness: Harness;
  /** The file of the harness as it was built. */
  readonly modulePath: string;
  /** The variable of the environment with which the harness is told the URL. */
  readonly variable: string;
  start(): Promise<Server>;
  urlOf(port: number): string;
  open(url: string, space: string): Promise<Driver>;
}

/** In a short run so many cases are left out for each that is run. */
const STEP = 40;
const IDENTITY = { tenant: "t", user: "u", session: "s" };

/** Declares what holds for every driver of a server: the conformance suite, all of it in a soak, and what a killed server keeps. */
export function testServerDriver(given: ServerDriver): void {
  const { harness, modulePath, variable, start, urlOf, open } = given;
  let server: Server;
  let url: string;

  beforeAll(async () => {
    server = await start();
    url = urlOf(server.port);
    process.env[variable] = url;
  });
  afterAll(() => server?.stop());

  const light = cases.filter(({ needs }) => needs === undefined);
  const damage = cases.filter(({ needs }) => needs === "damage");
  const chosen = isSoak ? cases : [...sampleOf(light, STEP), ...damage];
  const only = chosen.map(({ id }) => id);
  conformanceTests({ describe, afterAll, test }, harness, { modulePath, timeoutMs: CASE_MS, only });

  test("what was acknowledged is there after the server was killed", async () => {
    const kinds = Array.from({ length: 200 }, (_, index) => `kind/${index}`);
    const store = createStore(await open(url, "killed"));
    const records = kinds.map((kind) => ({ identity: IDENTITY, kind, bytes: Buffer.from(kind) }));
    await Promise.all(records.map((record) => store.save({ ...record, eventId: newEventId() })));
    await server.restart();
    await store.close();
    const again = createStore(await open(url, "killed"));
    const found = await again.list(IDENTITY, "kind/", { limit: 500 });
    expect(found.map(({ bytes }) => Buffer.from(bytes).toString())).toEqual([...kinds].sort());
    await again.close();
  });

  test("a server that is away is told as unreachable", async () => {
    const away = { code: "UNAVAILABLE", details: { reason: "unreachable" } };
    await expect(open(urlOf(1), "away")).rejects.toMatchObject(away);
  });
}
