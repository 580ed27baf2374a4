import { mkdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  type ApplyOptions,
  type Commit,
  createStore,
  type EraseTarget,
  isInTarget,
  type Outcome,
  slotKey,
  targetOf,
} from "../../src/index.js";
import type { Harness } from "../harness/case.js";
import type { ReferenceSpace } from "../harness/reference-driver.js";
import { conditionsOf } from "./event-mutants.js";
import { FileDriver, pause } from "./file-driver.js";
import { FileLock } from "./file-lock.js";
import { SpaceLock } from "./space-lock.js";

/** Drivers over a shared file that are each wrong in what only another process, or a kill, can show. */
const flaws = {
  none: FileDriver,
  "stays-locked-after-a-kill": FileDriver,

  "acknowledges-before-it-writes": class extends FileDriver {
    #latest: ReferenceSpace | undefined;

    protected override load(): ReferenceSpace {
      return this.#latest ?? super.load();
    }

    protected override store(space: ReferenceSpace): void {
      this.#latest = space;
    }

    override async close(): Promise<void> {
      if (this.#latest) super.store(this.#latest);
    }
  },

  "remembers-in-its-own-process": class extends FileDriver {
    readonly #events: ReferenceSpace["events"] = new Map();

    protected override load(): ReferenceSpace {
      const space = super.load();
      for (const [key, event] of this.#events) space.events.set(key, event);
      return space;
    }

    protected override store(space: ReferenceSpace): void {
      for (const [key, event] of space.events) this.#events.set(key, event);
      space.events.clear();
      super.store(space);
    }
  },

  "locks-nothing": class extends FileDriver {
    protected override async lock(): Promise<void> {}
    protected override unlock(): void {}

    protected override store(space: ReferenceSpace): void {
      pause(1);
      super.store(space);
    }
  },

  "erases-one-by-one": class extends FileDriver {
    override async apply(commits: readonly Commit[], options: ApplyOptions): Promise<readonly Outcome[]> {
      const outcomes: Outcome[] = [];
      for (const commit of commits) {
        const [write] = commit.writes;
        if (write?.op === "erase") outcomes.push(await this.#erase(targetOf(write), options));
        else outcomes.push(...(await super.apply([commit], options)));
      }
      return outcomes;
    }

    async #erase(target: EraseTarget, options: ApplyOptions): Promise<Outcome> {
      const { records } = this.load();
      const doomed = [...records.values()].filter((record) => isInTarget(record, target));
      for (const slot of doomed) {
        await super.apply([{ tenant: slot.tenant, writes: [{ op: "delete", slot }] }], options);
        await sleep(1);
      }
      return { is: "applied", existed: [false], erased: [doomed.length] };
    }
  },

  "counts-changes-of-its-own-process": class extends FileDriver {
    #changes = 0;

    override async apply(commits: readonly Commit[], options: ApplyOptions): Promise<readonly Outcome[]> {
      const outcomes = await super.apply(commits, options);
      this.#changes++;
      return outcomes;
    }

    async changeCounter(): Promise<number> {
      return this.#changes;
    }
  },

  "judges-before-it-locks": class extends FileDriver {
    override async apply(commits: readonly Commit[], options: ApplyOptions): Promise<readonly Outcome[]> {
      const { records } = this.load();
      pause(1);
      const judged = commits.map((commit) =>
        conditionsOf(commit, (slot) => records.get(slotKey(slot))?.eventId),
      );
      const passed = commits.filter((_, index) => judged[index]?.is === "applied").map(unconditional);
      const applied = (await super.apply(passed, options)).values();
      return judged.map((outcome) =>
        outcome.is === "applied" ? (applied.next().value as Outcome) : outcome,
      );
    }
  },
} satisfies Record<string, new (path: string) => FileDriver>;

class UnbreakableLock extends FileLock {
  protected override isOwnerGone(): boolean {
    return false;
  }
}

/** With `exclusive`, a process that opens a space locks it for all others. */
export function fileHarness(flaw: string, { exclusive = false } = {}): Harness {
  const FlawedDriver = flaws[flaw as keyof typeof flaws];
  const folderOf = (space: string) => join(tmpdir(), `groundstate-${flaw}-${space}`);
  const lockOf = spaceLocks(folderOf, flaw === "stays-locked-after-a-kill" ? UnbreakableLock : FileLock);
  return {
    name: flaw,
    durable: true,
    exclusive,
    async open(space, options) {
      mkdirSync(folderOf(space), { recursive: true });
      const driver = new FlawedDriver(join(folderOf(space), "state"));
      return createStore(exclusive ? held(driver, lockOf(space)) : driver, options);
    },
    destroy: async (space) => rmSync(folderOf(space), { recursive: true, force: true }),
  };
}

/** Other processes import this module with the flaw's name behind it, and whether a space is locked. */
const { searchParams } = new URL(import.meta.url);
export default fileHarness(searchParams.get("flaw") ?? "none", { exclusive: searchParams.has("exclusive") });

/** Stores of one space share its lock. */
function spaceLocks(
  folderOf: (space: string) => string,
  Lock: typeof FileLock,
): (space: string) => SpaceLock {
  const locks = new Map<string, SpaceLock>();
  return (space) => {
    const lock = locks.get(space) ?? new SpaceLock(new Lock(join(folderOf(space), "open")));
    locks.set(space, lock);
    return lock;
  };
}

/** The driver, which holds the lock until it is closed. */
function held(driver: FileDriver, lock: SpaceLock): FileDriver {
  const close = driver.close.bind(driver);
  lock.hold();
  return Object.assign(driver, {
    async close(): Promise<void> {
      await close();
      lock.letGo();
    },
  });
}

function unconditional(commit: Commit): Commit {
  const writes = commit.writes.map((write) => {
    if (write.op === "check" || write.op === "erase") return write;
    const { expect: _, ...rest } = write;
    return rest;
  });
  return { ...commit, writes };
}
