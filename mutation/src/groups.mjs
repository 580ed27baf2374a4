import { readdirSync } from "node:fs";
import { join, resolve } from "node:path";

export const ROOT = resolve(import.meta.dirname, "../..");
/** The conformance kit over the store in memory, whose every case is a test. */
export const KIT = "mutation/src/kit.mjs";

/** What is mutated, and the tests that judge it; the kit judges all. */
const GROUPS = {
  "src/queue": [
    ["test/queue"],
    ["test/diagnostics"],
    ["test/store", /^(call-bounds|driver-store-(bad-driver|calls)|store-status)/],
  ],
  "src/rules": [["test/rules"], ["test/queue"], ["test/store", /^(driver-store-calls|large-erases)/]],
  "src/validation": [["test/validation"], ["test/store", /^(driver-store-calls|scan-kind|context)/]],
  "drivers/memory": [["test/drivers", /^memory/]],
};

export function groupsOf(wanted) {
  const names = wanted.length === 0 ? Object.keys(GROUPS) : wanted;
  return names.map((name) => {
    if (!(name in GROUPS)) throw new RangeError(`${name} is none of ${Object.keys(GROUPS).join(", ")}`);
    const tests = GROUPS[name].flatMap(([folder, which = /./]) =>
      filesOf(folder).filter(
        (file) => file.endsWith(".test.ts") && which.test(file.slice(folder.length + 1)),
      ),
    );
    return { name, sources: filesOf(name).filter((file) => file.endsWith(".ts")), tests: [...tests, KIT] };
  });
}

function filesOf(folder) {
  return readdirSync(join(ROOT, folder)).map((file) => `${folder}/${file}`);
}
