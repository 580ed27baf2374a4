import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { eventFingerprint, eventKey } from "../../../dist/drivers/postgres/event-key.js";
import { fingerprint } from "../../../dist/src/index.js";
import { type Client, connect } from "../contestants/postgres-table.js";
import { type GrownRecord, grownRecords } from "../grown.js";
import { checkFilled, grownSchema, openGrown } from "../grown-store.js";
import type { Filled } from "../section.js";

const RECORD = "tenant, user_id, session, run, kind, id, event_id, version, updated_at, fingerprint, bytes";

/** How much text goes to the server at once. */
const CHUNK = 256 * 1024;

/** Copies into the tables of the floor. */
export async function run(filled: Filled): Promise<void> {
  const { url = "", records } = filled;
  const store = await openGrown(filled);
  await store.close();
  const schema = grownSchema(records);
  const client = connect(url, 1);
  const now = Date.now();
  await copy(client, `${schema}.record (${RECORD})`, records, (each, id) => {
    const { tenant, user, session, run, kind, eventId, version, bytes } = each;
    const content = `\\\\x${bytes.toString("hex")}`;
    return [tenant, user, session, run, kind, id, eventId, version, now, fingerprint(each), content];
  });
  await client.unsafe(`
    INSERT INTO ${schema}.event (saved_at, lined_up_at, record_id, event_key, tenant, fingerprint)
    SELECT ${now}, ${now}, id, ${eventKey("event_id")}, tenant, ${eventFingerprint("fingerprint")}
    FROM ${schema}.record`);
  await client.unsafe(`SELECT setval('${schema}.record_id', ${records + 1})`);
  await client.unsafe(`VACUUM (ANALYZE) ${schema}.record`);
  await client.unsafe(`VACUUM (ANALYZE) ${schema}.event`);
  await client.end({ timeout: 5 });
  await checkFilled(filled);
}

async function copy(
  client: Client,
  target: string,
  records: number,
  columnsOf: (record: GrownRecord, id: number) => readonly (string | number)[],
): Promise<void> {
  const stream = await client.unsafe(`COPY ${target} FROM STDIN`).writable();
  await pipeline(Readable.from(chunks(records, columnsOf)), stream);
}

function* chunks(
  records: number,
  columnsOf: (record: GrownRecord, id: number) => readonly (string | number)[],
): Generator<Buffer> {
  let text = "";
  let id = 0;
  for (const record of grownRecords(records)) {
    text += `${columnsOf(record, ++id).join("\t")}\n`;
    if (text.length < CHUNK) continue;
    yield Buffer.from(text);
    text = "";
  }
  yield Buffer.from(text);
}
