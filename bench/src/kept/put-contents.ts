import { createArtifacts } from "../../../dist/src/artifacts/index.js";
import { newEventId, type SessionIdentity } from "../../../dist/src/index.js";
import type { Operation } from "../contestant.js";
import { randomPayloads } from "../random.js";
import type { KeptWork, OpenKept, Owner } from "./kept-work.js";

/** In bytes, by what they are called. */
export const CONTENTS = { "64 KiB": 64 * 1024, "4 MiB": 4 * 1024 * 1024 } as const;
export const CONTENT_OPERATIONS = Object.keys(CONTENTS).flatMap((size) => [`put ${size}`, `get ${size}`]);

const READ = 8;

/** How content of a name is put and read. */
interface Way {
  put(name: string, bytes: Uint8Array): Promise<unknown>;
  get(name: string): Promise<{ readonly bytes: Uint8Array }>;
}

/** Each content under a name of its own, as an artifact. */
export const putArtifacts: KeptWork = {
  open(store, owners) {
    const artifacts = createArtifacts(store);
    const session = sessionOf(owners);
    return openContents({
      put: (name, content) => artifacts.put(session, { name, content }),
      get: (name) => artifacts.get(session, name),
    });
  },
};

/** The same bytes, each in one save. */
export const saveContents: KeptWork = {
  open(store, owners) {
    const identity = sessionOf(owners);
    return openContents({
      put: (kind, bytes) => store.save({ eventId: newEventId(), identity, kind, bytes }),
      get: (kind) => store.load(identity, kind),
    });
  },
};

function sessionOf(owners: readonly Owner[]): SessionIdentity {
  const { tenant, user } = owners[0] as Owner;
  return { tenant, user, session: "contents" };
}

async function openContents(way: Way): Promise<OpenKept> {
  const sizes = await Promise.all(
    Object.entries(CONTENTS).map(([size, bytes]) => openSize(way, size, bytes)),
  );
  return {
    operations: Object.fromEntries(sizes.flatMap(({ operations }) => operations)),
    async check() {
      for (const { check } of sizes) await check();
    },
  };
}

async function openSize({ put, get }: Way, size: string, bytes: number) {
  const [pattern] = randomPayloads(1, bytes, bytes) as [Buffer];
  let [written, read] = [0, 0];
  const nameOf = (number: number) => `${size.replace(" ", "-")}/${number}`;
  // No two are equal, or an artifact would be stored once.
  const contentOf = (number: number) => {
    const content = Buffer.from(pattern);
    content.writeUInt32BE(number);
    return content;
  };
  const putNext = () => {
    const number = written++;
    return put(nameOf(number), contentOf(number));
  };
  for (let number = 0; number < READ; number++) await putNext();
  const operations: [string, Operation][] = [
    [`put ${size}`, { run: putNext }],
    [`get ${size}`, { run: () => get(nameOf(read++ % READ)) }],
  ];
  return {
    operations,
    async check() {
      const { bytes: stored } = await get(nameOf(written - 1));
      if (!contentOf(written - 1).equals(stored)) throw new Error(`the last content of ${size} is not there`);
    },
  };
}
