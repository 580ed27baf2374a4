import {
  type Change,
  isStateError,
  type NewRecord,
  newEventId,
  type SaveReceipt,
  StateError,
  type StateRecord,
} from "../../src/index.js";
import { brokenStore, type Mutant } from "./mutant.js";
import { savingWithPast, slotOf, withPast } from "./past.js";

const DUPLICATE = true;

/** Stores that are wrong in one corner, where one case alone looks. */
export const cornerMutants: readonly Mutant[] = [
  bringingBack(
    "brings-back-what-was-overwritten",
    "idempotency/late-retry-after-overwrite",
    (past, { eventId }) => past.replaced.has(eventId),
  ),
  bringingBack(
    "brings-back-what-was-deleted",
    "idempotency/late-retry-after-delete",
    (past, record) =>
      past.deleted.get(slotOf(record)) === record.eventId && !past.current.has(slotOf(record)),
  ),
  bringingBack(
    "brings-back-what-was-erased",
    "idempotency/late-retry-after-erase",
    (past, { eventId }) => past.erased.get(eventId) === 1,
  ),
  savingWithPast(
    "remembers-where-erased-records-were",
    "idempotency/erased-content-is-forgotten",
    ({ record, past }, save) => {
      const known = past.saved.get(record.eventId);
      if (known && past.erased.has(record.eventId) && slotOf(known) !== slotOf(record)) throw conflict();
      return save();
    },
  ),
  forgiving(
    "takes-no-bytes-for-the-same",
    "idempotency/other-bytes",
    (known, { bytes }) => bytes.byteLength === 0 && known.bytes.byteLength > 0,
  ),
  forgiving(
    "takes-another-run-for-the-same-slot",
    "idempotency/other-slot",
    (known, { identity, kind }) =>
      kind === known.kind &&
      identity.session === known.identity.session &&
      identity.run !== known.identity.run,
  ),
  forgiving(
    "takes-a-version-for-a-detail",
    "idempotency/other-version",
    (known, { version = 0 }) => known.version !== undefined && known.version > 0 && version > known.version,
  ),
  savingWithPast(
    "forgives-other-bytes-of-what-was-overwritten",
    "idempotency/conflict-after-overwrite",
    async ({ record, past }, save) => (past.replaced.has(record.eventId) ? forgiven(save(), record) : save()),
  ),
  savingWithPast(
    "forgives-other-bytes-of-what-was-deleted",
    "idempotency/conflict-after-delete",
    async ({ record, past }, save) =>
      [...past.deleted.values()].includes(record.eventId) ? forgiven(save(), record) : save(),
  ),
  savingWithPast(
    "takes-retries-of-what-was-erased-together-for-new",
    "idempotency/every-erased-id-stays-seen",
    async ({ record, past }, save) => {
      const known = past.saved.get(record.eventId);
      const receipt = await save();
      const isSame = known !== undefined && Buffer.compare(known.bytes, record.bytes) === 0;
      return isSame && isFew(past.erased.get(record.eventId)) ? { ...receipt, duplicate: false } : receipt;
    },
  ),
  savingWithPast(
    "confirms-guesses-of-what-was-erased-together",
    "idempotency/every-erased-content-is-forgotten",
    ({ record, past }, save) => {
      const known = past.saved.get(record.eventId);
      const isOther = known !== undefined && Buffer.compare(known.bytes, record.bytes) !== 0;
      if (isOther && isFew(past.erased.get(record.eventId))) throw conflict();
      return save();
    },
  ),
  withPast("remembers-what-a-save-was-refused", "idempotency/refused-is-unseen", (store) => {
    const refused = new Map<string, Uint8Array>();
    return {
      async save(record, options) {
        const before = refused.get(record?.eventId);
        if (before && Buffer.compare(before, record.bytes) !== 0) throw conflict();
        return store.save(record, options).catch((error: unknown) => {
          if (isStateError(error, "CONDITION_FAILED"))
            refused.set(record.eventId, Uint8Array.from(record.bytes));
          throw error;
        });
      },
    };
  }),
  savingWithPast("drops-a-null-behind-a-null", "conditions/empty-slot", ({ record, options, past }, save) => {
    const current = past.current.get(slotOf(record));
    const isDropped = options.expect === null && current !== undefined && past.intoEmpty.has(current);
    return isDropped && current?.length === 26 ? save(record, {}) : save();
  }),
  savingWithPast(
    "accepts-the-event-before",
    "conditions/current-event",
    ({ record, options, past }, save) => {
      const { expect } = options;
      const isStale = typeof expect === "string" && past.replacedOnCondition.has(expect);
      return isStale && !past.intoEmpty.has(expect) ? save(record, {}) : save();
    },
  ),
  savingWithPast(
    "accepts-what-was-erased",
    "conditions/vanished",
    ({ record, options: { expect }, past }, save) =>
      typeof expect === "string" && past.erased.has(expect) && !past.current.has(slotOf(record))
        ? save(record, {})
        : save(),
  ),
  savingWithPast(
    "judges-a-null-before-a-late-replay",
    "idempotency/replay-needs-no-condition",
    async ({ record, options, past }, save) => {
      const receipt = await save();
      if (!receipt.duplicate || options.expect !== null || !past.replaced.has(record.eventId)) return receipt;
      const { identity, kind } = record;
      const current = past.current.get(slotOf(record)) ?? null;
      const details = { change: 0, identity, kind, current };
      throw new StateError("CONDITION_FAILED", "the slot is not empty", { details });
    },
  ),
  savingWithPast("finds-what-is-expected-without-its-run", "conditions/own-slot", (call, save) => {
    const { record, options, past } = call;
    const { run, ...session } = record.identity;
    const current = past.current.get(slotOf({ identity: session, kind: record.kind }));
    return save(record, run && options.expect && current === options.expect ? {} : options);
  }),
  savingWithPast(
    "shares-event-ids-of-different-kinds",
    "idempotency/tenants-apart",
    ({ record, past }, save) => {
      const known = past.saved.get(record.eventId);
      const isOthers = known !== undefined && known.identity.tenant !== record.identity.tenant;
      if (isOthers && known.kind !== record.kind) throw conflict();
      return save();
    },
  ),
  brokenStore("writes-the-beginning-of-a-large-conflict", "commit/all-or-nothing", (store) => ({
    commit: (changes, options) =>
      store.commit(changes, options).catch(async (error: unknown) => {
        if (isStateError(error, "IDEMPOTENCY_CONFLICT") && changes.length > 1000)
          await store.commit(changes.slice(0, 1000), options);
        throw error;
      }),
  })),
  brokenStore("lists-the-beginnings-of-large-payloads", "bytes/large", (store) => ({
    async list(identity, prefix, options) {
      const found = (await store.list(identity, prefix, options as object)) as StateRecord[];
      const isLarge = ({ bytes }: StateRecord) => bytes?.byteLength > 1_000_000;
      if (found.filter(isLarge).length < 2) return found;
      return found.map((record) => ({ ...record, bytes: record.bytes.slice(0, 1_000_000) }));
    },
  })),
  brokenStore("leaves-the-run-out-of-details", "conditions/details", (store) => ({
    save: (record, options) =>
      store.save(record, options).catch((error: unknown) => {
        if (!isStateError(error, "CONDITION_FAILED") || error.details.current === null) throw error;
        const { run: _, ...identity } = error.details.identity;
        throw new StateError("CONDITION_FAILED", error.message, { details: { ...error.details, identity } });
      }),
  })),
  brokenStore("deletes-where-nothing-is-expected", "conditions/delete", (store) => ({
    async delete(identity, kind, options) {
      return store.delete(identity, kind, options?.expect === null ? {} : options);
    },
  })),
  withPast("says-again-that-it-deleted", "delete/says-whether", (store, past) => ({
    async delete(identity, kind, options) {
      const existed = await store.delete(identity, kind, options);
      return existed || (options === undefined && past.deleted.has(slotOf({ identity, kind })));
    },
  })),
  savingWithPast(
    "keeps-the-version-of-what-was-deleted",
    "delete/slot-lives-on",
    ({ record, past }, save) => {
      const before = past.saved.get(past.deleted.get(slotOf(record)) ?? "");
      return save((before?.version ?? 0) > 0 ? { ...record, version: before?.version ?? 0 } : record);
    },
  ),
  savingWithPast("never-goes-back-in-time", "save/updated-at-milliseconds", ({ record, past }, save) => {
    const before = past.saved.get(past.current.get(slotOf(record)) ?? "")?.updatedAt;
    const isEarlier = before !== undefined && record.updatedAt !== undefined && record.updatedAt < before;
    return save(isEarlier ? { ...record, updatedAt: before } : record);
  }),
  savingWithPast("counts-up-when-a-version-comes-again", "save/version", ({ record, past }, save) => {
    const before = past.saved.get(past.current.get(slotOf(record)) ?? "");
    const isAgain = before?.eventId !== record.eventId && !past.saved.has(record.eventId);
    const version = record.version ?? 0;
    return save(
      isAgain && version > 0 && before?.version === version ? { ...record, version: version + 1 } : record,
    );
  }),
  savingWithPast("rounds-versions", "limits/version", ({ record }, save) => {
    const { version } = record;
    const isBroken = typeof version === "number" && Number.isFinite(version) && !Number.isInteger(version);
    return save(isBroken ? { ...record, version: Math.floor(version) } : record);
  }),
  withPast("takes-kinds-for-stems", "save/only-its-slot", (store) => ({
    async save(record, options) {
      const [stem, ...rest] = String(record?.kind).split("/");
      if (rest.at(-1) === "b") store.delete(record.identity, `${stem}ness`).catch(() => {});
      return store.save(record, options);
    },
  })),
  withPast(
    "takes-an-event-that-a-commit-replaced-for-new",
    "idempotency/late-retry-after-commit",
    (store, past) => {
      const taken = new Set<string>();
      return {
        async commit(changes, options) {
          const receipt = await store.commit(changes, options);
          if (changes.length > 2 && !receipt.duplicate)
            for (const change of changes) {
              const eventId = change.op === "save" ? past.current.get(slotOf(change.record)) : undefined;
              if (eventId !== undefined) taken.add(eventId);
            }
          return receipt;
        },
        async save(record, options) {
          const receipt = await store.save(record, options);
          return receipt.duplicate && taken.has(record.eventId) ? { ...receipt, duplicate: false } : receipt;
        },
      };
    },
  ),
  brokenStore("loses-saves-of-other-users", "commit/together", (store) => ({
    async commit(changes, options) {
      const receipt = await store.commit(changes, options);
      const [first] = changes.map(identityOf);
      for (const change of changes.length > 2 ? changes : [])
        if (change.op === "save" && change.record.identity.user !== first?.user && isPerson(change))
          await store.delete(change.record.identity, change.record.kind);
      return receipt;
    },
  })),
  withPast("passes-null-checks-of-what-it-saved", "commit/check", (store, past) => ({
    async commit(changes, options) {
      if (!Array.isArray(changes)) return store.commit(changes, options);
      const kept = changes.filter(
        (change) =>
          !(change?.op === "check" && change.identity && change.expect === null) ||
          !past.current.has(slotOf(change)),
      );
      return store.commit(kept.length > 0 ? kept : changes, options);
    },
  })),
  withPast("leaves-out-what-it-has-seen", "commit/partial-replay", (store, past) => ({
    commit: (changes, options) =>
      store.commit(changes, options).catch((error: unknown) => {
        if (!isStateError(error, "IDEMPOTENCY_CONFLICT")) throw error;
        const rest = changes.filter((change) => {
          const known = change.op === "save" ? past.saved.get(change.record.eventId) : undefined;
          return (
            !known ||
            change.op !== "save" ||
            Buffer.compare(known.bytes, change.record.bytes) !== 0 ||
            slotOf(known) !== slotOf(change.record)
          );
        });
        if (rest.length === changes.length || rest.length === 0) throw error;
        return store.commit(rest, options).catch(() => {
          throw error;
        });
      }),
  })),
  withPast("knows-no-replay-of-what-was-erased", "commit/late-replay", (store) => {
    const erased = new Set<string>();
    const sessionOf = ({ tenant, user, session }: NewRecord["identity"]) =>
      JSON.stringify([tenant, user, session]);
    return {
      async erase(identity, options) {
        const count = await store.erase(identity, options);
        if (count === 1) erased.add(sessionOf(identity));
        return count;
      },
      async commit(changes, options) {
        const receipt = await store.commit(changes, options);
        const isGone = changes.some(
          (each) => each.op === "save" && erased.has(sessionOf(each.record.identity)),
        );
        return receipt.duplicate && isGone ? { ...receipt, duplicate: false } : receipt;
      },
    };
  }),
  withPast("reports-the-last-conflict", "commit/first-conflict", (store, past) => ({
    commit: (changes, options) =>
      store.commit(changes, options).catch((error: unknown) => {
        if (!isStateError(error, "IDEMPOTENCY_CONFLICT")) throw error;
        const change = changes.findLastIndex((each) => {
          const known = each.op === "save" ? past.saved.get(each.record.eventId) : undefined;
          return known && each.op === "save" && Buffer.compare(known.bytes, each.record.bytes) !== 0;
        });
        throw new StateError("IDEMPOTENCY_CONFLICT", error.message, {
          details: { ...error.details, change: Math.max(change, error.details.change) },
        });
      }),
  })),
  withPast("repeats-deletes-beside-saves-of-other-commits", "commit/replay-by-saves", (store, past) => ({
    async commit(changes, options) {
      const receipt = await store.commit(changes, options);
      const saves = changes.filter((change) => change.op === "save");
      if (receipt.duplicate && saves.every(({ record }) => past.saved.has(record.eventId)))
        for (const each of changes) if (each.op === "delete") await store.delete(each.identity, each.kind);
      return receipt;
    },
  })),
  brokenStore("writes-again-what-expected-nothing", "commit/replay", (store) => ({
    async commit(changes, options) {
      const receipt = await store.commit(changes, options);
      if (receipt.duplicate && changes.length > 2)
        for (const change of changes)
          if (change.op === "save" && change.expect === null)
            await store.save({ ...change.record, eventId: newEventId() });
      return receipt;
    },
  })),
  brokenStore("takes-a-repeated-check-for-a-replay", "commit/without-saves", (store) => {
    const made = new Set<string>();
    return {
      async commit(changes, options) {
        const receipt = await store.commit(changes, options);
        if (changes.some(({ op }) => op !== "check") || changes.length > 1) return receipt;
        const same = JSON.stringify(changes);
        const isAgain = made.has(same);
        made.add(same);
        return isAgain ? { ...receipt, duplicate: true } : receipt;
      },
    };
  }),
  brokenStore("says-nothing-of-erases-of-nothing", "commit/erase-together", (store) => ({
    async commit(changes, options) {
      const receipt = await store.commit(changes, options);
      const isWhole = changes.every((change) => change.op !== "erase" || !("prefix" in change));
      if (!receipt.erased || receipt.duplicate || !isWhole) return receipt;
      return { ...receipt, erased: receipt.erased.filter((count) => count > 0) };
    },
  })),
  brokenStore("lists-several-without-versions", "list/whole-records", (store) => ({
    async list(identity, prefix, options) {
      const found = (await store.list(identity, prefix, options as object)) as StateRecord[];
      return found.length < 2 ? found : found.map((record) => ({ ...record, version: 0 }));
    },
  })),
  brokenStore("loads-undefined-where-nothing-ever-was", "save/nothing-there", (store) => ({
    load: (identity, kind, options) =>
      store.load(identity, kind, options).catch(async (error: unknown) => {
        if (!isStateError(error, "NOT_FOUND") || options !== undefined) throw error;
        if ((await store.count(identity, "")) > 0) throw error;
        return undefined as never;
      }),
  })),
  withPast("finds-the-event-of-what-was-erased", "events/no-longer-current", (store, past) => ({
    loadByEventId: (identity, eventId, options) =>
      store.loadByEventId(identity, eventId, options).catch((error: unknown) => {
        const known = past.saved.get(eventId);
        if (!isStateError(error, "NOT_FOUND") || past.erased.get(eventId) !== 1 || !known) throw error;
        return { version: 0, updatedAt: new Date(), ...known };
      }),
  })),
  brokenStore("hides-a-wildcard-from-an-empty-prefix", "list/prefix-empty", (store) => ({
    async list(identity, prefix, options) {
      const found = await store.list(identity, prefix, options as object);
      return prefix === "" ? found.filter(({ kind }) => !kind.includes("*")) : found;
    },
  })),
  brokenStore("drops-zeros-that-pad", "bytes/opaque", (store) => ({
    async load(identity, kind, options) {
      const record = await store.load(identity, kind, options);
      const isPadding = record.bytes.byteLength === 3 && record.bytes.every((byte) => byte === 0);
      return isPadding ? { ...record, bytes: new Uint8Array() } : record;
    },
  })),
  brokenStore("composes-prefixes", "list/prefix-case", (store) => ({
    list: async (identity, prefix, options) =>
      store.list(
        identity,
        typeof prefix === "string" && prefix.isWellFormed() ? prefix.normalize("NFC") : prefix,
        options as object,
      ),
  })),
  brokenStore("ends-prefixes-at-surrogates", "list/prefix-ends", (store) => ({
    async list(identity, prefix, options) {
      const found = await store.list(identity, prefix, options as object);
      return String(prefix).endsWith("\ud7ff") ? found.filter(({ kind }) => kind === prefix) : found;
    },
  })),
  withPast("says-again-how-many-it-erased", "erase/counts-what-is-there", (store) => {
    const counts = new Map<string, number>();
    return {
      async erase(identity, options) {
        const count = await store.erase(identity, options);
        const { tenant, user, session } = identity;
        const key = JSON.stringify([tenant, user, session]);
        if (count === 0 && options === undefined) return counts.get(key) ?? 0;
        counts.set(key, count);
        return count;
      },
    };
  }),
];

/** Answers a retry as it should, and writes its content once more. */
function bringingBack(
  id: string,
  breaks: string,
  isBroken: (...given: [past: Parameters<Parameters<typeof withPast>[2]>[1], record: NewRecord]) => boolean,
): Mutant {
  return savingWithPast(id, breaks, async ({ record, options, past }, save) => {
    const known = past.saved.get(record.eventId);
    const isSame = known !== undefined && slotOf(known) === slotOf(record);
    const isBack = isSame && isBroken(past, record) && options.expect === undefined;
    const receipt = await save();
    if (isBack && receipt.duplicate) await save({ ...record, eventId: newEventId() });
    return receipt;
  });
}

/** Takes other content of an event that is current for a retry. */
function forgiving(
  id: string,
  breaks: string,
  isForgiven: (known: NewRecord, record: NewRecord) => boolean,
): Mutant {
  return savingWithPast(id, breaks, async ({ record, past }, save) => {
    const known = past.saved.get(record.eventId);
    const isCurrent = known && past.current.get(slotOf(known)) === record.eventId;
    const isSameTenant = known?.identity.tenant === record.identity.tenant;
    if (isCurrent && isSameTenant && isForgiven(known, record)) return forgiven(save(), record);
    return save();
  });
}

/** A conflict is said to be a duplicate. */
function forgiven(saving: Promise<SaveReceipt>, { eventId }: NewRecord): Promise<SaveReceipt> {
  return saving.catch((error: unknown) => {
    if (!isStateError(error, "IDEMPOTENCY_CONFLICT")) throw error;
    return { eventId, duplicate: DUPLICATE };
  });
}

function conflict(): StateError<"IDEMPOTENCY_CONFLICT"> {
  return new StateError("IDEMPOTENCY_CONFLICT", "seen with other content", { details: { change: 0 } });
}

/** Several records, and no large erase. */
function isFew(count: number | undefined): boolean {
  return count !== undefined && count > 1 && count < 20;
}

function identityOf(change: Change) {
  return change.op === "save" ? change.record.identity : change.identity;
}

/** Of a person, and not of a tenant. */
function isPerson(change: Change): boolean {
  return !identityOf(change).user.startsWith("~");
}
