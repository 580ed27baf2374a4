import { type StateStore, userIdentity } from "../../dist/src/index.js";
import { TENANT } from "./ledger-year.js";
import type { Entry } from "./tally.js";

const PREFIX = "ledger.entry/";
const PAGE = 1_000;

/** All entries of a user as they are stored, so many at a time. */
export async function* pagesOf(store: StateStore, user: string): AsyncGenerator<Entry[]> {
  const identity = userIdentity(TENANT, user);
  let after = PREFIX;
  for (;;) {
    const records = await store.list(identity, PREFIX, { after, limit: PAGE });
    yield records.map(({ bytes }) => JSON.parse(Buffer.from(bytes).toString()) as Entry);
    if (records.length < PAGE) return;
    after = records[PAGE - 1]?.kind as string;
  }
}
