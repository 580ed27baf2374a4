import { type Change, type Identity, newEventId } from "../../../dist/src/index.js";
import type { Contestant, Setting } from "../contestant.js";
import { openFresh } from "../fresh-store.js";
import { randomPayloads, shuffled } from "../random.js";
import { identityOf, slotAt } from "../slots.js";

const SESSIONS = 2_000;
const BESIDE = 4;
const FILLED_AT_ONCE = 64;

/**
 * Saves one record of a session after another. The variant says what goes with each save for four more records of the
 * session: `alone` nothing, `checks` a check in the same commit, `lookups` a read at the same time, `saves` a save in the
 * same commit.
 */
export async function open({
  folder,
  url = "",
  payloadBytes,
  driver = "sqlite",
  variant = "",
}: Setting): Promise<Contestant> {
  const store = await openFresh({ driver, name: `checks_${variant}`, folder, url });
  const identities = Array.from({ length: SESSIONS }, (_, index) => identityOf(slotAt(index * 4)));
  const payloads = randomPayloads(256, payloadBytes, payloadBytes);
  const order = shuffled(SESSIONS, 1);
  const kinds = Array.from({ length: BESIDE }, (_, index) => `agent/fence-${index}`);
  const fences = new Map<number, readonly string[]>();
  let calls = 0;
  const next = () => {
    const session = order[calls % SESSIONS] as number;
    const bytes = payloads[calls++ % payloads.length] as Buffer;
    return { session, identity: identities[session] as Identity, bytes };
  };
  const saving = (identity: Identity, kind: string, bytes: Buffer): Change => ({
    op: "save",
    record: { eventId: newEventId(), identity, kind, bytes },
  });
  const fill = async () => {
    const { session, identity, bytes } = next();
    const { receipts } = await store.commit(kinds.map((kind) => saving(identity, kind, bytes)));
    fences.set(
      session,
      receipts.map(({ eventId }) => eventId),
    );
  };
  for (let done = 0; done < SESSIONS; done += FILLED_AT_ONCE)
    await Promise.all(Array.from({ length: FILLED_AT_ONCE }, fill));
  const beside: Readonly<Record<string, (of: ReturnType<typeof next>) => Change[]>> = {
    alone: () => [],
    lookups: () => [],
    checks: ({ session, identity }) =>
      kinds.map((kind, index) => ({
        op: "check",
        identity,
        kind,
        expect: fences.get(session)?.[index] as string,
      })),
    saves: ({ identity, bytes }) => kinds.map((kind) => saving(identity, kind, bytes)),
  };
  const run = async () => {
    const of = next();
    const changes = beside[variant]?.(of) ?? [];
    const reads = variant === "lookups" ? kinds.map((kind) => store.find(of.identity, kind)) : [];
    await Promise.all([store.commit([saving(of.identity, "agent/state", of.bytes), ...changes]), ...reads]);
  };
  return {
    overlaps: true,
    settings: `${SESSIONS} sessions`,
    operations: { write: { run } },
    async check() {
      const seen = await store.list(identities[order[0] as number] as Identity, "agent/fence-");
      if (seen.length !== BESIDE) throw new Error("the records that are checked are not there");
    },
    close: () => store.close(),
  };
}
