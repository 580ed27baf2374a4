import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import { cases, runConformance } from "../../conformance/index.js";
import { brokenStore } from "../../conformance/mutants/mutant.js";
import type { ListOptions } from "../../src/index.js";

const only = cases.map(({ id }) => id).filter((id) => id.startsWith("neighbours/"));

test("a store that serves one call at a time passes where tenants take turns", async () => {
  const { results } = await runConformance(
    oneAtATime((tenant) => tenant),
    { only },
  );
  expect(results.map(({ id, outcome }) => [id, outcome])).toEqual(only.map((id) => [id, "passed"]));
});

test("a store that serves one call at a time fails where whoever came first is served first", async () => {
  const { results } = await runConformance(
    oneAtATime(() => "all"),
    { only },
  );
  expect(results.map(({ id, outcome }) => [id, outcome])).toEqual(only.map((id) => [id, "failed"]));
});

/** One call after another, each from the next of the lines that calls wait in. */
function oneAtATime(lineOf: (tenant: string) => string) {
  const lines = new Map<string, (() => Promise<unknown>)[]>();
  let isServing = false;
  const serve = async () => {
    isServing = true;
    while (lines.size > 0) {
      const [name, waiting] = [...lines][0] as [string, (() => Promise<unknown>)[]];
      const next = waiting.shift();
      // To the end of the ring, unless nobody waits in it any more.
      lines.delete(name);
      if (waiting.length > 0) lines.set(name, waiting);
      await turn();
      await next?.();
    }
    isServing = false;
  };
  const inTurn = <T>(tenant: string, call: () => Promise<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      const name = lineOf(tenant);
      const waiting = lines.get(name) ?? [];
      waiting.push(() => call().then(resolve, reject));
      lines.set(name, waiting);
      if (!isServing) void serve();
    });
  return brokenStore("one-at-a-time", "", (store) => ({
    save: (record, options) => inTurn(record.identity.tenant, () => store.save(record, options)),
    erase: (session, options) => inTurn(session.tenant, () => store.erase(session, options)),
    load: (identity, kind, options) => inTurn(identity.tenant, () => store.load(identity, kind, options)),
    list: (identity, prefix, options) =>
      inTurn(identity.tenant, () => store.list(identity, prefix, options as ListOptions)),
  })).harness;
}
