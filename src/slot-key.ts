import type { Slot } from "./driver.js";

/** One string per slot: no part of a slot holds a NUL, so no two run together. */
export function slotKey(slot: Slot): string {
  return `${slot.tenant}\0${slot.user}\0${slot.session}\0${slot.run}\0${slot.kind}`;
}
