export interface RoomLimits {
  /** Of payloads. */
  readonly bytes: number;
  readonly commits: number;
}

interface Held {
  bytes: number;
  commits: number;
}

/** Why there is no room. */
export type Lack =
  /** The tenant has its share: others may have more room. */
  | "share"
  /** Nobody has. */
  | "room";

/**
 * How much may wait and be under way. A tenant may hold as much as it leaves free for others: alone half of the room,
 * with one other a third, so that there is room for whoever comes next. One who holds nothing gets what is free, and a
 * commit that is larger than all the room gets in when nobody else holds any.
 *
 * The rule is that of dynamic thresholds in packet switches (A. K. Choudhury, E. L. Hahne, 1998).
 */
export class QueueRoom {
  readonly #limits: RoomLimits;
  readonly #all: Held = { bytes: 0, commits: 0 };
  readonly #tenants = new Map<string, Held>();

  constructor(limits: RoomLimits) {
    this.#limits = limits;
  }

  get held(): Readonly<RoomLimits> {
    return this.#all;
  }

  /** Takes room for a commit; otherwise says what is lacking. */
  enter(tenant: string, bytes: number): Lack | undefined {
    const own = this.#tenants.get(tenant);
    const lack = this.#lack(own, bytes);
    if (lack !== undefined) return lack;
    if (own === undefined) this.#tenants.set(tenant, { bytes, commits: 1 });
    else {
      own.bytes += bytes;
      own.commits++;
    }
    this.#all.bytes += bytes;
    this.#all.commits++;
    return undefined;
  }

  leave(tenant: string, bytes: number): void {
    this.#all.bytes -= bytes;
    this.#all.commits--;
    const own = this.#tenants.get(tenant);
    if (own === undefined) return;
    own.bytes -= bytes;
    if (--own.commits === 0) this.#tenants.delete(tenant);
  }

  #lack(own: Held | undefined, bytes: number): Lack | undefined {
    if (this.#all.commits === 0) return undefined;
    const freeBytes = this.#limits.bytes - this.#all.bytes;
    const freeCommits = this.#limits.commits - this.#all.commits;
    if (own !== undefined && (own.bytes + bytes > freeBytes || own.commits + 1 > freeCommits)) return "share";
    return bytes > freeBytes || freeCommits < 1 ? "room" : undefined;
  }
}
