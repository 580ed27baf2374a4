import { pathToFileURL } from "node:url";
import { invalid } from "../../src/contract/errors.js";
import { readNamed } from "../../src/validation/validate.js";
import type { Harness } from "../harness/case.js";

const HARNESS = ["name", "open", "durable", "exclusive", "destroy", "damage"];

/** The harness itself, whose methods may need it as their `this`. */
export function readHarness(value: unknown): Harness {
  const harness = readNamed(value, "harness", HARNESS) as Harness;
  readString(harness.name, "name");
  readFunction(harness.open, "open");
  for (const name of ["destroy", "damage"] as const)
    if (harness[name] !== undefined) readFunction(harness[name], name);
  for (const name of ["durable", "exclusive"] as const) readBoolean(harness[name], name);
  return harness;
}

export function readBoolean(value: unknown, field: string): boolean {
  if (value !== undefined && typeof value !== "boolean") throw invalid(field, "true or false");
  return value === true;
}

export function readString(value: unknown, field: string): string {
  if (typeof value !== "string") throw invalid(field, "text");
  return value;
}

export function readFunction<F>(value: F, field: string): F {
  if (typeof value !== "function") throw new TypeError(`${field} must be a function`);
  return value;
}

export function moduleUrl(path: string): string {
  return path.startsWith("file:") ? path : pathToFileURL(path).href;
}
