/** Calls everything that uses a timer, an immediate or a sleep. It has to end even if faked timers stand still. */
export async function runScenario(groundstate, url) {
  const { createApprovals, createLedger, createSessions, createStore, newEventId, openStore } = groundstate;
  const store = await openStore(url);
  const identity = { tenant: "acme", user: "ada", session: "s" };
  const record = (kind) => ({ eventId: newEventId(), identity, kind, bytes: new Uint8Array(8) });
  for (let round = 0; round < 3; round++) {
    await store.save(record("note"), { signal: new AbortController().signal });
    await store.load(identity, "note");
    await store.list(identity, "");
    await store.commit([
      { op: "save", record: record("a") },
      { op: "delete", identity, kind: "note" },
    ]);
  }
  await Promise.all(Array.from({ length: 100 }, () => store.find(identity, "a")));
  const sessions = createSessions(store);
  const { session } = await sessions.create({ tenant: "acme", user: "ada" });
  await sessions.append(session.identity, { value: "hello" });
  await sessions.list({ tenant: "acme", user: "ada" });
  await sessions.delete(session.identity);
  await createLedger(store).record(identity, {
    provider: "p",
    model: "m",
    promptTokens: 1,
    completionTokens: 1,
    cost: "0",
  });
  const approvals = createApprovals(store);
  const { approval } = await approvals.request(identity, { tool: "t", arguments: {} });
  const waited = await approvals.wait(identity, approval.id, { timeoutMs: 20 }).catch(({ code }) => code);
  if (waited !== "WAIT_TIMED_OUT") throw new Error(`waited for ${JSON.stringify(waited)}`);
  await store.erase(identity);
  await store.close();
  const hanging = createStore({ ...silent(), apply: () => new Promise(() => {}) });
  const lost = hanging.save(record("note")).catch(({ code }) => code);
  await hanging.close({ timeoutMs: 20 });
  if ((await lost) !== "OUTCOME_UNKNOWN")
    throw new Error("a store over a driver that hangs did not close in time");
}

function silent() {
  const nothing = async () => undefined;
  return {
    read: nothing,
    readByEventId: nothing,
    scan: nothing,
    erase: nothing,
    status: nothing,
    close: nothing,
  };
}
