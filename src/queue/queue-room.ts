export interface RoomLimits {
  /** Payload bytes. */
  readonly bytes: number;
  /** Commits, by `countOf`. */
  readonly commits: number;
}

/** What a commit takes up. */
interface Load {
  readonly tenant: string;
  readonly bytes: number;
  readonly writes: number;
}

interface Usage {
  bytes: number;
  commits: number;
}

/** The changes of a commit take memory too: one of more changes than this counts as several commits. */
const WRITES_PER_COMMIT = 256;

function countOf({ writes }: Load): number {
  return Math.ceil(writes / WRITES_PER_COMMIT);
}

/** Why a commit gets no room. */
export type NoRoomReason =
  /** The tenant has used up its share; other tenants may still get room. */
  | "share"
  /** The queue is full for every tenant. */
  | "room";

/**
 * Bounds the commits that wait in the queue or are under way: back-pressure, fair between tenants. A tenant may hold as much
 * as it leaves free: alone, half of the room; beside one other tenant, a third. So a new tenant always finds room. A tenant
 * that holds nothing may take all that is free. A commit larger than all the room enters an empty queue.
 *
 * The rule is that of dynamic thresholds in packet switches (A. K. Choudhury, E. L. Hahne, 1998).
 */
export class QueueRoom {
  readonly #limits: RoomLimits;
  readonly #total: Usage = { bytes: 0, commits: 0 };
  readonly #tenants = new Map<string, Usage>();

  constructor(limits: RoomLimits) {
    this.#limits = limits;
  }

  get used(): Readonly<RoomLimits> {
    return this.#total;
  }

  /** Reserves room for a commit; returns why it cannot, if it cannot. */
  reserve(commit: Load): NoRoomReason | undefined {
    const { tenant, bytes } = commit;
    const commits = countOf(commit);
    const own = this.#tenants.get(tenant);
    const reason = this.#whyNot(own, bytes, commits);
    if (reason !== undefined) return reason;
    if (own === undefined) this.#tenants.set(tenant, { bytes, commits });
    else {
      own.bytes += bytes;
      own.commits += commits;
    }
    this.#total.bytes += bytes;
    this.#total.commits += commits;
    return undefined;
  }

  release(commit: Load): void {
    const { tenant, bytes } = commit;
    const commits = countOf(commit);
    this.#total.bytes -= bytes;
    this.#total.commits -= commits;
    const own = this.#tenants.get(tenant);
    if (own === undefined) return;
    own.bytes -= bytes;
    own.commits -= commits;
    if (own.commits === 0) this.#tenants.delete(tenant);
  }

  #whyNot(own: Usage | undefined, bytes: number, commits: number): NoRoomReason | undefined {
    if (this.#total.commits === 0) return undefined;
    const freeBytes = this.#limits.bytes - this.#total.bytes;
    const freeCommits = this.#limits.commits - this.#total.commits;
    if (own !== undefined && (own.bytes + bytes > freeBytes || own.commits + commits > freeCommits))
      return "share";
    return bytes > freeBytes || commits > freeCommits ? "room" : undefined;
  }
}
