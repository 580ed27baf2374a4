import type { Unit } from "../typed/together/unit.js";
import type { FinishInput, RenewOccurrenceInput } from "./input.js";
import type { OccurrenceLease } from "./lease.js";
import type { Occurrence } from "./occurrence.js";
import type { ScheduleOperations } from "./operations.js";
import type { ScheduleReceipt, ScheduleTenant } from "./options.js";
import type { NewSchedule, Schedule } from "./schedule.js";

/**
 * The mutating methods of schedules that fit into a commit, as part of a unit of `together`. They take, answer and refuse what
 * the methods of `Schedules` of the same names do, without a signal.
 */
export class SchedulesInUnit {
  readonly #unit: Unit;
  readonly #operations: ScheduleOperations;

  /** @internal */
  constructor(unit: Unit, operations: ScheduleOperations) {
    this.#unit = unit;
    this.#operations = operations;
  }

  /** Like `Schedules.put`. */
  async put(tenant: ScheduleTenant, schedule: NewSchedule): Promise<ScheduleReceipt> {
    return this.#unit.run(this.#operations.put(tenant, schedule));
  }

  /** Like `Schedules.enable`. */
  async enable(tenant: ScheduleTenant, name: string): Promise<Schedule> {
    return this.#unit.run(this.#operations.setEnabled(tenant, name, true));
  }

  /** Like `Schedules.disable`. */
  async disable(tenant: ScheduleTenant, name: string): Promise<Schedule> {
    return this.#unit.run(this.#operations.setEnabled(tenant, name, false));
  }

  /** Like `Schedules.renew`. */
  async renew(lease: OccurrenceLease, input: RenewOccurrenceInput): Promise<OccurrenceLease> {
    return this.#unit.run(this.#operations.renew(lease, input));
  }

  /** Like `Schedules.finish`: what the occurrence did and its end are one commit. */
  async finish(lease: OccurrenceLease, input: FinishInput): Promise<Occurrence> {
    return this.#unit.run(this.#operations.finish(lease, input));
  }
}
