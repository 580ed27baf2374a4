import { createApprovals } from "../approvals/index.js";
import { removeAbandoned } from "../content/abandoned.js";
import { type CleanupOptions, readCleanup } from "../content/cleanup-options.js";
import { readMaxJson } from "../content/large-json.js";
import { invalid, isStateError } from "../contract/errors.js";
import type { CallOptions, MaintenanceScope, SessionIdentity, StateStore } from "../contract/store.js";
import { Lifecycle } from "../lifecycle/lifecycle.js";
import { readCallOptions } from "../lifecycle/options.js";
import type { LifecycleKey } from "../lifecycle/stored.js";
import { newEventId } from "../process/event-id.js";
import { DamageLog } from "../typed/damage.js";
import { InputReader } from "../typed/input-reader.js";
import type { JsonInput } from "../typed/json-value.js";
import type { UserData } from "../typed/moving/user-data.js";
import { perform } from "../typed/operation.js";
import { type Clock, readClock } from "../typed/time.js";
import { Unit } from "../typed/together/unit.js";
import { readNamed, readOptions } from "../validation/validate.js";
import { ToolCallsInUnit } from "./in-unit.js";
import type { AbandonInput, BeginInput, FailCallInput, SucceedInput } from "./input.js";
import { bytesElsewhere, CALL_CONTENT, LargeParts, type ShownCall } from "./large-parts.js";
import { type CallLifecycle, type CallOperation, CallOperations } from "./operations.js";
import type {
  CallsOf,
  CallWork,
  ListToolCallsOptions,
  OrphansOptions,
  ToolCallPage,
  ToolCallsOptions,
} from "./options.js";
import { toolCallLifecycle } from "./stored-call.js";
import type { ToolCall } from "./tool-call.js";

const MAX_ERROR_BYTES = 16_384;
/** Of parts of calls that lie elsewhere, in one page. */
const PAGE_BYTES = 16 * 1024 * 1024;

/**
 * The record of what touched the world: an intent before each tool call, and its outcome after it. A call whose process died
 * in between is an orphan: only your program can find out whether it was made, and decides.
 *
 * The identity is that of a session; a run is a field of the call. The session need not exist or be open.
 */
export class ToolCalls {
  readonly #store: StateStore;
  readonly #lifecycle: CallLifecycle;
  readonly #large: LargeParts;
  readonly #now: Clock;
  readonly #operations: CallOperations;

  /** @internal */
  constructor(store: StateStore, options: ToolCallsOptions = {}) {
    const names = ["policy", "maxJsonBytes", "redact", "clock"];
    const given = readNamed(options, "options", names) as ToolCallsOptions;
    const { policy, maxJsonBytes: _, redact: __, ...rest } = given;
    const maxJsonBytes = readMaxJson(options, "maxJsonBytes");
    if ("policy" in options && typeof policy !== "function") throw invalid("policy", "a function");
    this.#store = store;
    this.#now = readClock(rest);
    this.#large = new LargeParts(store, this.#now);
    this.#lifecycle = new Lifecycle(store, toolCallLifecycle(this.#large), rest);
    const approvals = createApprovals(store, rest);
    const limits = { maxBytes: store.limits.maxBytes, maxJsonBytes };
    const [lifecycle, large] = [this.#lifecycle, this.#large];
    const inputs = new InputReader(options, "toolCalls");
    this.#operations = new CallOperations({ lifecycle, large, approvals, policy, limits, inputs });
  }

  /** The methods of a unit of `together`: they take effect with its other calls, or not at all. INVALID_RECORD. */
  in(unit: Unit): ToolCallsInUnit {
    return new ToolCallsInUnit(Unit.check(unit, this.#store), this.#operations);
  }

  /**
   * Writes down that a call is about to be made. Make the call only after this has resolved. A call that names an approval
   * claims it in the same commit, which must be of exactly this tool and these arguments.
   *
   * ALREADY_BEGUN, with what is known, if a call of this id has begun: decide, and do not repeat it. Only the same `begin`
   * again, with the same token, resolves once more until the call has ended; with other content it is IDEMPOTENCY_CONFLICT.
   * APPROVAL_REQUIRED, CALL_FORBIDDEN, and what the claim is refused with: NOT_FOUND, DIGEST_MISMATCH, NOT_DECIDED,
   * ALREADY_DECIDED, EXPIRED, ALREADY_CLAIMED. NOT_FOUND also if the session was erased since.
   */
  async begin(identity: SessionIdentity, call: BeginInput, options?: CallOptions): Promise<ToolCall> {
    const given = readCallOptions(options);
    const read = await this.#operations.read(identity, call);
    return this.#perform(await this.#operations.begin(read, given), given);
  }

  /**
   * Reports that a call was made, with what it returned. Any process may report it. A result that has more JSON than
   * `maxJsonBytes` is INVALID_RECORD: the call stays begun, so store the result elsewhere and report a reference. The approval that the call
   * claimed is completed in the same commit. A repeated report with the same token and content gets the first answer.
   * NOT_FOUND, ALREADY_FINISHED.
   */
  async succeed(
    identity: SessionIdentity,
    id: string,
    input?: SucceedInput,
    options?: CallOptions,
  ): Promise<ToolCall> {
    const given = readCallOptions(options);
    return this.#perform(await this.#operations.succeed(identity, id, input, given), given);
  }

  /** Reports that a call failed. The approval that the call claimed fails with it. NOT_FOUND, ALREADY_FINISHED. */
  async fail(
    identity: SessionIdentity,
    id: string,
    input: FailCallInput,
    options?: CallOptions,
  ): Promise<ToolCall> {
    return this.#perform(this.#operations.fail(identity, id, input), readCallOptions(options));
  }

  /** Says that nobody will know what came of a call. Its approval fails with it. NOT_FOUND, ALREADY_FINISHED. */
  async abandon(
    identity: SessionIdentity,
    id: string,
    input: AbandonInput,
    options?: CallOptions,
  ): Promise<ToolCall> {
    return this.#perform(this.#operations.abandon(identity, id, input), readCallOptions(options));
  }

  /**
   * Makes a call once: begins it, runs `work`, keeps its result (JSON), and returns it as it is kept. When the same call
   * comes again after it succeeded, `work` does not run, and the kept result is returned. In every other state it is
   * ALREADY_BEGUN with what is known: the call failed, or it is under way, or its process died. If `work` throws, the call
   * has failed with the error's message, and the error is passed on. If the result cannot be kept, the call stays begun, and
   * the error of `succeed` is thrown: ALREADY_FINISHED where somebody has said meanwhile what came of it.
   *
   * `work` gets the signal. An abort before it begins leaves nothing; later it is up to `work`.
   */
  async once<R extends JsonInput | undefined>(
    identity: SessionIdentity,
    call: Omit<BeginInput, "token">,
    work: CallWork<R>,
    options?: CallOptions,
  ): Promise<R> {
    const given = readCallOptions(options);
    if (typeof work !== "function") throw invalid("work", "a function");
    // Of this attempt alone: a second process must never take the first one's begin for its own.
    const token = newEventId();
    const read = await this.#operations.read(identity, {
      ...readNamed(call, "call", CALL_FIELDS),
      token,
    } as BeginInput);
    let begun: ToolCall;
    try {
      begun = await this.#perform(await this.#operations.begin(read, given), given);
    } catch (error) {
      if (!isStateError(error, "ALREADY_BEGUN")) throw error;
      const { status, digest, outcome } = error.details.call;
      if (status !== "succeeded" || digest !== read.digest) throw error;
      return outcome?.result as R;
    }
    const { identity: owner, id } = read.key;
    let result: R;
    try {
      result = await work(begun, given);
    } catch (error) {
      // The error of the work is the one to know, whatever becomes of the report: without it the call is an orphan.
      await this.fail(owner, id, { error: messageOf(error), token }).catch(() => {});
      throw error;
    }
    const kept = await this.succeed(owner, id, result === undefined ? { token } : { result, token });
    return kept.outcome?.result as R;
  }

  /** The call as it is now. NOT_FOUND. */
  async get(identity: SessionIdentity, id: string, options?: CallOptions): Promise<ToolCall> {
    const call = await this.find(identity, id, options);
    if (call === undefined) throw this.#lifecycle.notFound();
    return call;
  }

  /** The call as it is now, or `undefined`. */
  async find(identity: SessionIdentity, id: string, options?: CallOptions): Promise<ToolCall | undefined> {
    const found = await this.#lifecycle.find(this.#lifecycle.readKey(identity, id), options);
    return found && this.#whole(found, readCallOptions(options));
  }

  /** The calls of a session, of one of its runs, or with `{ tenant }` of a tenant, in the order in which they began. */
  async list(where: CallsOf, options?: ListToolCallsOptions): Promise<ToolCallPage> {
    const { run, ...owner } = { ...where } as { readonly tenant: string; readonly run?: string };
    const isOfRun = run !== undefined && run !== "";
    if (isOfRun && !("session" in owner)) throw invalid("run", "left out, or with the user and the session");
    const given = readOptions(options, LIST_OPTIONS) as ListToolCallsOptions;
    const list = (how: ListToolCallsOptions) =>
      this.#lifecycle.list(isOfRun || run === "" ? owner : where, isOfRun ? { ...how, by: { run } } : how);
    let page = await list(given);
    const fitting = countFitting(page.records);
    if (fitting < page.records.length) page = await list({ ...given, limit: fitting });
    const { records, ...rest } = page;
    const calls: ToolCall[] = [];
    for (const record of records) {
      const call = await this.#whole(record, readCallOptions(signalOf(given)));
      if (call !== undefined) calls.push(call);
    }
    return { calls, ...rest };
  }

  /**
   * The calls of a session or of one of its runs that have begun and have no outcome, the oldest first. Where no other
   * process is at work, their processes died: find out what came of each, and report it or abandon it.
   */
  async orphans(where: CallsOf, options?: OrphansOptions): Promise<ToolCallPage> {
    return this.list(where, { ...options, status: "begun" });
  }

  /**
   * Returns the calls without an outcome, for example after a restart: by tenant, the oldest first. It also removes what lists
   * hold of calls of erased sessions. Damaged ones are skipped; after all others, the first damage is thrown as CORRUPT. MAINTENANCE_SCOPE_REQUIRED.
   */
  async *recover(scope: MaintenanceScope, options?: CallOptions): AsyncGenerator<ToolCall, void, undefined> {
    const call = readCallOptions(options);
    const damage = new DamageLog();
    for await (const found of this.#lifecycle.recover(scope, call)) {
      const whole = await damage.skipIfDamaged(this.#whole(found, call));
      if (whole !== undefined) yield whole;
    }
    damage.throwFirst();
  }

  /**
   * Removes the calls of all sessions of a user, with their index entries. Returns how many. After an interruption, call it
   * again. Calls that begin meanwhile may stay.
   */
  async forgetUser(user: Pick<SessionIdentity, "tenant" | "user">, options?: CallOptions): Promise<number> {
    return this.#lifecycle.forgetUser(user, options);
  }

  /**
   * Removes what calls that were cut off have left of large arguments and results, in all sessions of a scope, once nobody has
   * gone on with it for a while. It is found by an index of its own. Returns how many were removed; call it again if that is
   * the `limit`. MAINTENANCE_SCOPE_REQUIRED.
   */
  async cleanup(scope: MaintenanceScope, options?: CleanupOptions): Promise<number> {
    return removeAbandoned(this.#store, scope, CALL_CONTENT, this.#now, readCleanup(options));
  }

  /** The calls as they take part when a user is forgotten, moved or exported, and in retention. */
  get userData(): UserData {
    const { records = [], ...data } = this.#lifecycle.userData("toolCalls", (...given) =>
      this.#shown(...given),
    );
    const attached = Object.values(CALL_CONTENT).map((kind) => ({ kind, isAttached: true }));
    return { ...data, records: [...records, ...attached] };
  }

  async *#shown({ identity, id }: LifecycleKey, options: CallOptions): AsyncGenerator<ToolCall> {
    const call = await this.find(identity, id, options);
    if (call !== undefined) yield call;
  }

  async #perform(operation: CallOperation, call: CallOptions): Promise<ToolCall> {
    try {
      return (await perform(this.#store, operation, call)).result;
    } finally {
      await operation.clear();
    }
  }

  /** The call with its parts that lie elsewhere; `undefined` if it has been removed since it was found. CORRUPT. */
  async #whole(found: ShownCall, { signal }: CallOptions): Promise<ToolCall | undefined> {
    const gone = this.#lifecycle.notFound();
    try {
      return await this.#large.whole(found, () => gone, { signal });
    } catch (error) {
      if (error === gone) return undefined;
      // Its payload may have been removed since it was found.
      const now = isStateError(error, "CORRUPT") ? await this.#lifecycle.find(found, { signal }) : undefined;
      if (now?.payloadRemovedAt === undefined) throw error;
      return this.#large.whole(now, () => gone, { signal });
    }
  }
}

/** How many of these calls make a page. The first one does, however large it is. */
function countFitting(calls: readonly ShownCall[]): number {
  let bytes = 0;
  const place = calls.findIndex((call, index) => {
    bytes += bytesElsewhere(call);
    return bytes > PAGE_BYTES && index > 0;
  });
  return place < 0 ? calls.length : place;
}

function signalOf({ signal }: CallOptions): CallOptions {
  return signal === undefined ? {} : { signal };
}

const LIST_OPTIONS = ["status", "limit", "after", "signal"];
const CALL_FIELDS = ["id", "tool", "arguments", "sideEffect", "run", "step", "approval"];

/** The beginning of an error's message, as far as it fits. */
function messageOf(error: unknown): string {
  const bytes = Buffer.from(textOf(error).replaceAll("\0", " ").toWellFormed());
  // A character that the cut splits is left out.
  return new TextDecoder().decode(bytes.subarray(0, MAX_ERROR_BYTES), { stream: true });
}

/** Anything can be thrown, also what has no text, or throws when it is asked for one. */
function textOf(error: unknown): string {
  try {
    return String(error instanceof Error ? error.message : error);
  } catch {
    return "what was thrown has no text";
  }
}
