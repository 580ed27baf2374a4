import { randomPayloads } from "./random.js";
import { cheapIds, type Slot } from "./slots.js";

/** What the databases of different sizes hold: tenants of a thousand records each, ten to a session. */
export const TENANT_RECORDS = 1_000;
export const SESSION_RECORDS = 10;

/** The beginnings of kinds: all records have one, a tenth another, a hundredth the last. */
export const PREFIX = { all: "flow/", tenth: "flow/review/", hundredth: "flow/approval/" } as const;

const PAYLOAD_BYTES = 256;

export interface GrownRecord extends Slot {
  readonly eventId: string;
  readonly version: number;
  readonly bytes: Buffer;
}

export function grownSlot(index: number): Slot {
  const within = index % TENANT_RECORDS;
  const session = 100_000 + Math.floor(within / SESSION_RECORDS);
  return {
    tenant: `tenant-${10_000 + Math.floor(index / TENANT_RECORDS)}`,
    user: `user-${10_000 + Math.floor(within / 100)}`,
    session: `01JQZX4T9M0000000000${session}`,
    run: `01JQZX4T9N0000000000${session}`,
    kind: `${prefixOf(within)}${1_000 + within}`,
  };
}

function prefixOf(within: number): string {
  if (within % 100 === 50) return PREFIX.hundredth;
  return within % 10 === 7 ? PREFIX.tenth : `${PREFIX.all}step/`;
}

/** Every record of a database of this size, by tenant and session. */
export function* grownRecords(count: number): Generator<GrownRecord> {
  const payloads = randomPayloads(256, PAYLOAD_BYTES, 2);
  const nextId = cheapIds();
  for (let index = 0; index < count; index++) {
    const bytes = payloads[index % payloads.length] as Buffer;
    yield { ...grownSlot(index), eventId: nextId(), version: 0, bytes };
  }
}
