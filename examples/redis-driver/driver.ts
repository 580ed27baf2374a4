import { createHash } from "node:crypto";
import type {
  ApplyOptions,
  Commit,
  Driver,
  Outcome,
  ScanQuery,
  Session,
  SessionsQuery,
  Slot,
  StoredRecord,
  Write,
} from "groundstate";
import { compareText, decide, kindRange, StateError, slotKey, slotOf, targetOf } from "groundstate";
import { Redis } from "ioredis";
import { LOOK, READ, READ_EVENT, SCAN, SESSIONS, WRITE } from "./scripts.js";

const TIMEOUT_MS = 30_000;

type Parts = readonly [event: Buffer | null, about: Buffer | null, payload: Buffer | null];
type Found = readonly [key: Buffer, ...Parts];

export class RedisDriver implements Driver {
  readonly name = "redis";
  readonly timeoutMs = TIMEOUT_MS;
  readonly inFlight = 4;
  readonly returnsUnsharedBytes = true;
  readonly #redis: Redis;
  readonly #space: string;

  private constructor(redis: Redis, space: string) {
    this.#redis = redis;
    this.#space = space;
  }

  /** `space` separates the stores of one Redis. UNAVAILABLE (`setup`) where it would acknowledge what is not on the disk. */
  static async open(url: string, space = "groundstate"): Promise<RedisDriver> {
    // A write that was sent is not sent again: nobody knows whether it took effect.
    const once = { autoResendUnfulfilledCommands: false, maxRetriesPerRequest: 0 };
    const redis = new Redis(url, { ...once, lazyConnect: true, commandTimeout: TIMEOUT_MS });
    redis.on("error", () => {}); // told by the calls
    const settings = await redis.config("GET", "append*").catch(unreachable);
    const [sync, log] = ["appendfsync", "appendonly"].map((name) => settings[settings.indexOf(name) + 1]);
    if (sync === "always" && log === "yes") return new RedisDriver(redis, space);
    redis.disconnect();
    throw unavailable("setup", "Redis needs appendonly yes and appendfsync always");
  }

  /** Removes everything of the space. */
  async drop(): Promise<void> {
    const pages: AsyncIterable<Buffer[]> = this.#redis.scanBufferStream({
      match: `${this.#space}\0*`,
      count: 1_000,
    });
    for await (const page of pages) if (page.length > 0) await this.#redis.unlink(...page);
  }

  close = async () => this.#redis.disconnect();

  /** All at once, but for those that share a session or an event id: they come one after the other. */
  async apply(commits: readonly Commit[], options: ApplyOptions): Promise<Outcome[]> {
    const last = new Map<string, Promise<unknown>>();
    const outcomes = commits.map((commit) => {
      const keys = commit.writes.flatMap((write) => {
        const { tenant, user, session } = slotOf(write);
        return [
          join(tenant, user, session),
          ...(write.op === "save" ? [join(tenant, write.record.eventId)] : []),
        ];
      });
      const before = Promise.all(keys.map((key) => last.get(key)));
      const outcome = before.then(() => this.#commit(commit, options)).catch(failed);
      for (const key of keys) last.set(key, outcome);
      return outcome;
    });
    return Promise.all(outcomes);
  }

  /** Judges a commit by what is there, and writes it if that is there still. Otherwise it begins anew. */
  async #commit({ tenant, writes }: Commit, { window, deadline = Infinity }: ApplyOptions): Promise<Outcome> {
    const slots = writes.flatMap((write) => (write.op === "erase" ? [] : [slotOf(write)]));
    const ids = writes.flatMap((write) => (write.op === "save" ? [write.record.eventId] : []));
    const judged = { tenant, slots: slots.map(namesOf), ids };
    const payloads: Uint8Array[] = [];
    const made = writes.flatMap((write) => this.#write(write, payloads));
    do {
      const [now, ...found] = (await this.#run(LOOK, judged).catch(unreachable)) as [number, ...Buffer[]];
      const seen = found.map(String);
      const current = new Map(slots.map((slot, index) => [slotKey(slot), seen[index] || undefined]));
      const events = new Map(ids.map((id, index) => [id, eventOf(seen[slots.length + index])]));
      const outcome = decide(
        { tenant, writes },
        { current: (slot) => current.get(slotKey(slot)), event: (_, id) => events.get(id), now, window },
      );
      if (outcome.is !== "applied") return outcome;
      const erased = await this.#run(WRITE, { ...judged, seen, window, writes: made }, ...payloads);
      if (erased !== null) return { ...outcome, erased: erased as number[] };
    } while (process.uptime() * 1000 < deadline);
    throw unavailable("busy", "other stores were faster all the time");
  }

  /** A write as `WRITE` takes it. */
  #write(write: Write, payloads: Uint8Array[]): object[] {
    if (write.op === "check") return [];
    const at = namesOf(slotOf(write));
    if (write.op === "delete") return [{ at }];
    if (write.op === "erase") {
      const target = targetOf(write);
      return [
        {
          at,
          erase: "run" in target ? join(target.session, target.run, target.prefix) : join(target.session, ""),
        },
      ];
    }
    const { eventId: id, fingerprint: print, version, updatedAt, bytes } = write.record;
    // Behind the two arguments of every script.
    const payload = payloads.push(bytes) + 2;
    return [{ at, id, print, about: JSON.stringify({ fingerprint: print, version, updatedAt }), payload }];
  }

  async read(slots: readonly Slot[]): Promise<(StoredRecord | undefined)[]> {
    const found = (await this.#run(READ, slots.map(namesOf))) as Parts[];
    return slots.map((slot, index) => recordOf(slot, found[index] as Parts));
  }

  async readByEventId(
    { tenant, user, session }: Session,
    eventId: string,
  ): Promise<StoredRecord | undefined> {
    const found = (await this.#run(READ_EVENT, [tenant, user, session, eventId])) as Found | null;
    return found === null ? undefined : requireRecord(found);
  }

  async scan(query: ScanQuery) {
    const { tenant, identity, prefix, after, limit, maxBytes: most, reverse } = query;
    if (tenant !== undefined && after && compareText(after.tenant, tenant) > 0)
      return { records: [], more: false };
    const [start, end] = identity ? rangeOf(query, identity) : ["", ""];
    const place = identity
      ? {
          identity: namesOf({ ...identity, kind: "" }),
          ...(reverse ? { from: end, to: start } : { from: start, to: end }),
        }
      : {
          tenant,
          prefix,
          after: after?.tenant ?? "",
          from: fromAfter(prefix, after && join(after.kind, after.user, after.session, after.run)),
        };
    const command = reverse ? "ZREVRANGEBYLEX" : "ZRANGEBYLEX";
    const page = await this.#run(SCAN, { ...place, command, limit, most, isBare: query.bytes === false });
    const [more, ...found] = page as [number, ...(Found | Buffer)[]];
    const last = found.at(-1);
    const records = found.flatMap((each) => (Buffer.isBuffer(each) ? [] : requireRecord(each)));
    if (!Buffer.isBuffer(last)) return { records, more: more === 1 };
    return { records, more: true, next: { tenant: `${last}\x01`, user: "", session: "", run: "", kind: "" } };
  }

  async scanSessions({ tenant, user, prefix, after, limit }: SessionsQuery) {
    const from = fromAfter(prefix, after && join(after.session, after.run, after.kind));
    const found = (await this.#run(SESSIONS, { tenant, user, prefix, from, limit })) as Buffer[];
    return { sessions: found.slice(0, limit).map(String), more: found.length > limit };
  }

  /** An erase removes all there is at once. */
  readonly sweep = async () => ({ removed: 0, more: false });

  async status() {
    const { host, port, path } = this.#redis.options;
    await this.#redis.ping();
    return { target: path ?? `${host}:${port}`, schemaVersion: 1, pendingMigrations: [] };
  }

  /** Sends the script itself where Redis does not know it yet. */
  async #run(script: string, given: object, ...payloads: Uint8Array[]): Promise<unknown> {
    const args = [
      0,
      this.#space,
      JSON.stringify(given),
      ...payloads.map((bytes) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)),
    ];
    const sha = createHash("sha1").update(script).digest("hex");
    try {
      return await this.#redis.callBuffer("EVALSHA", sha, ...args).catch((error) => {
        if (!String(error).includes("NOSCRIPT")) throw error;
        return this.#redis.callBuffer("EVAL", script, ...args);
      });
    } catch (error) {
      // With nothing else Redis says that it has not run the script.
      const [refusal] =
        /\b(OOM|READONLY|LOADING|MISCONF|NOAUTH|NOPERM|MASTERDOWN)\b/.exec(String(error)) ?? [];
      throw refusal ? unavailable("refused", `Redis refuses: ${refusal}`, error) : error;
    }
  }
}

const join = (...names: string[]) => names.join("\0");
const namesOf = ({ tenant, user, session, run, kind }: Slot) => [tenant, user, session, run, kind];
const fromAfter = (prefix: string, after = "") =>
  compareText(after, prefix) > 0 ? `(${after}` : `[${prefix}`;

function rangeOf(query: ScanQuery, { session, run }: Omit<Slot, "kind">): [string, string] {
  const { from, until } = kindRange(query);
  return [
    `[${join(session, run, from)}`,
    until === undefined ? `(${join(session, run)}\x01` : `(${join(session, run, until)}`,
  ];
}

function eventOf(text = "") {
  const [, current, savedAt, fingerprint] = /^(\d):(\d+):([^:]*):/.exec(text) ?? [];
  return text === ""
    ? undefined
    : { current: current === "1", savedAt: Number(savedAt), fingerprint: fingerprint || null };
}

function requireRecord([key, ...parts]: Found): StoredRecord {
  const [tenant = "", user = "", session = "", run = "", kind = ""] = String(key).split("\0").slice(2);
  const record = recordOf({ tenant, user, session, run, kind }, parts);
  if (record === undefined)
    throw new StateError("CORRUPT", "an index names a record that is not there", { details: {} });
  return record;
}

function recordOf(slot: Slot, [event, about, payload]: Parts): StoredRecord | undefined {
  if (event === null) return undefined;
  const { kind, ...identity } = slot;
  try {
    return {
      ...identity,
      kind,
      eventId: String(event),
      ...JSON.parse(String(about)),
      bytes: payload ?? new Uint8Array(),
    };
  } catch (cause) {
    throw new StateError("CORRUPT", "a record is not what this driver wrote", {
      details: { at: { identity, kind } },
      cause,
    });
  }
}

function unavailable(reason: "setup" | "busy" | "refused" | "unreachable", message: string, cause?: unknown) {
  return new StateError("UNAVAILABLE", message, { details: { reason }, cause });
}

function unreachable(error: unknown): never {
  throw error instanceof StateError ? error : unavailable("unreachable", "Redis does not answer", error);
}

/** Of a commit whose script got no answer nobody knows whether it was written. */
function failed(cause: unknown): Outcome {
  const unknown = () => new StateError("OUTCOME_UNKNOWN", "Redis has not answered", { details: {}, cause });
  return { is: "failed", error: cause instanceof StateError ? cause : unknown() };
}
