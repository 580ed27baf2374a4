import { execFile, spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Report } from "../../conformance/index.js";
import { ownTime } from "../own-time.js";
import { ROOT } from "../package/installed.js";
import { isSoak, sampleOf } from "../soak.js";
import { groundstate, project } from "./built.js";

const DRIVER = `
  import { createStore } from "groundstate";
  import { ReferenceDriver } from "groundstate/conformance";
  export default { name: "mine", open: async (space, options) => createStore(new ReferenceDriver(), options) };
`;
const FORGETFUL = `
  import { createStore } from "groundstate";
  import { ReferenceDriver } from "groundstate/conformance";
  class Forgetful extends ReferenceDriver {
    forgetContent(record) { this.space.events.delete(this.eventKey(record.tenant, record.eventId)); }
  }
  export default { name: "forgetful", open: async (space, options) => createStore(new Forgetful(), options) };
`;
const GREEDY = `
  import { createStore } from "groundstate";
  import { ReferenceDriver } from "groundstate/conformance";
  class Greedy extends ReferenceDriver {
    isErased(record, { tenant, user, session }) {
      return record.tenant === tenant && record.user === user && (record.session + ":").startsWith(session + ":");
    }
  }
  export default { name: "greedy", open: async (space, options) => createStore(new Greedy(), options) };
`;
const LINGERING = `
  import { createStore } from "groundstate";
  import { ReferenceDriver } from "groundstate/conformance";
  setInterval(() => {}, 1000);
  export default { name: "lingering", open: async (space, options) => createStore(new ReferenceDriver(), options) };
`;
const FAULTY = `
  import { createStore } from "groundstate";
  import { ReferenceDriver } from "groundstate/conformance";
  class Faulty extends ReferenceDriver {
    async read() { return rowsOf(undefined); }
    async apply(commits, options) {
      if (commits[0].writes[0].op === "delete") throw new Error("no answer", { cause: new RangeError("port 99999") });
      return super.apply(commits, options);
    }
  }
  function rowsOf(result) { return result.rows; }
  export default { name: "faulty", open: async (space, options) => createStore(new Faulty(), options) };
`;
const HANGING = `
  import { createStore } from "groundstate";
  import { ReferenceDriver } from "groundstate/conformance";
  class Hanging extends ReferenceDriver { read() { return new Promise(() => {}); } }
  export default { name: "hanging", open: async (space, options) => createStore(new Hanging(), options) };
`;
const CLOSED = `
  const open = async () => { throw new Error("cannot connect", { cause: new RangeError("port 99999") }); };
  export default { name: "closed", open };
`;
const CARELESS = `
  import { createStore } from "groundstate";
  import { ReferenceDriver } from "groundstate/conformance";
  class Careless extends ReferenceDriver { async close() { Promise.reject(new Error("left alone")); } }
  export default { name: "careless", open: async (space, options) => createStore(new Careless(), options) };
`;
const UNTIDY = `
  import { createStore } from "groundstate";
  import { ReferenceDriver } from "groundstate/conformance";
  const open = async (space, options) => createStore(new ReferenceDriver(), options);
  export default { name: "untidy", open, async destroy() { throw new Error("the folder is busy"); } };
`;
const ALONE = `
  import { createStore } from "groundstate";
  import { ReferenceDriver } from "groundstate/conformance";
  function open(space, options) {
    if (process.send !== undefined) throw new TypeError("not in a child process");
    return createStore(new ReferenceDriver(), options);
  }
  export default { name: "alone", durable: true, open: async (...given) => open(...given) };
`;
/** What a driver can do to the process that it is in, each in the course of another case. */
const LIAR = `
  import { createStore } from "groundstate";
  import { ReferenceDriver } from "groundstate/conformance";
  class Liar extends ReferenceDriver {
    async apply(commits, options) {
      const [{ op, record, expect }] = commits[0].writes;
      if (op === "delete" && expect === undefined) process.exit(0);
      if (op === "delete") setTimeout(() => { throw new RangeError("from a timer"); });
      if (record?.version === 0 && record.updatedAt < 1e12) console.log('{ "passed": 1 }');
      return super.apply(commits, options);
    }
    async readByEventId(...given) {
      if (process.env.LIAR === "abort") process.abort();
      if (process.env.LIAR === "block") for (;;);
      return super.readByEventId(...given);
    }
  }
  const open = async (space, options) => createStore(new Liar(), options);
  export default { name: "liar", open: process.env.LIAR === "hang" ? () => new Promise(() => {}) : open };
`;
/** What the skeleton of --help takes for granted. */
const MY_DRIVER = `
  import { writeFileSync } from "node:fs";
  import { ReferenceDriver } from "groundstate/conformance";
  export const MyDriver = { async open(path) { writeFileSync(path, ""); return new ReferenceDriver(); } };
`;

let folder: string;

beforeAll(async () => {
  folder = await project({
    "driver.mjs": DRIVER,
    "forgetful.mjs": FORGETFUL,
    "greedy.mjs": GREEDY,
    "lingering.mjs": LINGERING,
    "faulty.mjs": FAULTY,
    "hanging.mjs": HANGING,
    "closed.mjs": CLOSED,
    "careless.mjs": CARELESS,
    "liar.mjs": LIAR,
    "untidy.mjs": UNTIDY,
    "alone.mjs": ALONE,
    "my-driver.mjs": MY_DRIVER,
    "broken.mjs": "export default {",
    "other.mjs": "export default 7;",
    "misnamed.mjs": `export default { name: "misnamed", open() {}, durabel: true };`,
  });
});

afterAll(() => rm(folder, { recursive: true, force: true }));

describe.concurrent("groundstate conformance", () => {
  test("a driver that keeps every rule: a readable report and exit code 0", async () => {
    // All cases run from the command line with the drivers of the examples and of the documentation.
    const sample = ["idempotency/", "misuse/", "processes/"].flatMap((text) => ["--only", text]);
    const { code, out } = await groundstate(folder, "conformance", "./driver.mjs", ...sample);
    expect(out).toContain("Conformance of mine");
    expect(out).toMatch(/^✓ idempotency\/late-retry-after-erase/m);
    expect(out).toMatch(/^– processes\/kill: skipped, the harness is not durable/m);
    expect(out).toMatch(/\d+ passed, 0 failed, \d+ skipped/);
    expect(code).toBe(0);
  });

  test("one that breaks a rule: the rule, the reason and exit code 1", async () => {
    const { code, out } = await groundstate(
      folder,
      "conformance",
      "./forgetful.mjs",
      "--only",
      "after-erase",
    );
    expect(out).toMatch(/^✗ idempotency\/late-retry-after-erase/m);
    expect(out).toContain("rule: A late retry, after its session was erased, is a duplicate");
    expect(out).toContain("expected duplicate: true");
    expect(out, "no frames of the suite").not.toMatch(/^ +at /m);
    expect(code).toBe(1);
  });

  test("what the driver threw, and where", async () => {
    const args = ["--only", "save/version", "--only", "save/nothing-there"];
    const { out } = await groundstate(folder, "conformance", "./faulty.mjs", ...args);
    expect(out).toContain("StateError UNAVAILABLE");
    expect(out).toContain("expected StateError NOT_FOUND");
    const lines = /^ +caused by: TypeError: Cannot read properties of undefined.*\n +at rowsOf .*faulty/gm;
    expect(out.match(lines)).toHaveLength(2);
  });

  test("what the driver threw in apply, in JSON too", async () => {
    const { out } = await groundstate(folder, "conformance", "./faulty.mjs", "--only", "delete/", "--json");
    const { results } = JSON.parse(out) as Report;
    expect(results.map(({ error }) => error?.cause?.cause)).toContainEqual({
      message: "RangeError: port 99999",
      stack: expect.stringContaining("faulty.mjs"),
    });
  });

  test.runIf(isSoak)("what the driver threw in another process, and where", async () => {
    const { out } = await groundstate(folder, "conformance", "./alone.mjs", "--only", "processes/retry");
    expect(out).toMatch(/caused by: TypeError: not in a child process\n +at open .*alone\.mjs/);
  });

  test.runIf(isSoak)("what destroy threw, and exit code 1", async () => {
    const { code, out } = await groundstate(folder, "conformance", "./untidy.mjs", "--only", "save/version");
    expect(out).toMatch(/could not remove the space.*\ncaused by: the folder is busy\n +at /);
    expect(code).toBe(1);
  });

  test("a line for each case as soon as it ends", async () => {
    const cli = join(ROOT, "dist/conformance/cli.js");
    const args = [cli, "conformance", "./hanging.mjs", "--only", "save/", "--only", "misuse/"];
    const running = spawn(process.execPath, args, { cwd: folder, stdio: ["ignore", "pipe", "ignore"] });
    try {
      let out = "";
      for await (const chunk of running.stdout) {
        out += chunk;
        if (out.includes("✓ misuse/record-required")) break;
      }
      expect(out).toContain("✓ misuse/record-required");
      expect(out).not.toContain("passed,");
    } finally {
      running.kill("SIGKILL");
    }
  });

  test("--seeds: a history that fails is told with the command that repeats it", async () => {
    const seeds = ["--only", "histories/one-store", "--seeds", "100", "--seed", "1"];
    const first = await groundstate(folder, "conformance", "./forgetful.mjs", ...seeds);
    expect(first.out).toMatch(/^✗ histories\/one-store/m);
    expect(first.out).toContain("note: the random histories begin with --seed 1\n");
    expect(first.code).toBe(1);
    const [, command = ""] = /to repeat it: groundstate (.*)/.exec(first.out) ?? [];
    expect(command).toMatch(/^conformance forgetful\.mjs --only histories\/one-store --seed \d+$/);
    const again = await groundstate(folder, ...command.split(" "));
    const historyIn = (text: string) => /the history of seed[\s\S]*?expected: .*/.exec(text)?.[0];
    expect(historyIn(again.out)).toBe(historyIn(first.out));
    expect([again.code, historyIn(again.out)]).toEqual([1, expect.stringContaining("duplicate: true")]);
  });

  test("--timeout and --bail: a driver that hangs does not keep one waiting", async () => {
    const started = ownTime();
    const { code, out } = await groundstate(
      folder,
      ...["conformance", "./hanging.mjs", "--timeout", "200", "--bail"],
    );
    expect(out).toContain("the case did not end within 200 ms");
    expect(out).toMatch(/\d+ passed, [1-4] failed, 0 skipped, \d\d+ not run/);
    expect(ownTime() - started, "and closing after it is not waited for at length").toBeLessThan(8_000);
    expect(code).toBe(1);
  });

  test("where no store can be opened: one message, and what open threw", async () => {
    const { code, out } = await groundstate(folder, "conformance", "./closed.mjs");
    expect(out.match(/cannot connect/g)).toHaveLength(1);
    expect(out).toMatch(
      /could not open a store.*\ncaused by: cannot connect\ncaused by: RangeError: port 99999\n +at /,
    );
    expect(out).not.toContain("rule:");
    expect(code).toBe(1);
  });

  test.runIf(isSoak)("where no store can be opened, --json is still one document", async () => {
    const cli = join(ROOT, "dist/conformance/cli.js");
    const run = promisify(execFile)(process.execPath, [cli, "conformance", "./closed.mjs", "--json"], {
      cwd: folder,
    });
    const { stdout } = await run.catch((error: { stdout: string }) => error);
    expect(JSON.parse(stdout)).toMatchObject({
      format: 1,
      harness: "closed",
      mode: "plain",
      error: { cause: { message: "cannot connect" } },
    });
  });

  test("an error that nobody handled is told in the totals", async () => {
    const args = ["conformance", "./careless.mjs", "--only", "save/version"];
    const { code, out } = await groundstate(folder, ...args);
    expect(out, "of the store that is opened first, and of the case's").toContain("2 errors nobody handled");
    const lines =
      /nobody handled this error, 2 times, in the course of save\/version\n +left alone\n +at Careless/;
    expect(out).toMatch(lines);
    expect(code).toBe(1);
  });

  test.runIf(isSoak)("the harness that --help shows works, and leaves nothing behind", async () => {
    const { out: help } = await groundstate(folder, "--help");
    const skeleton = /^ {2}import [\s\S]*?^ {2}};$/m.exec(help)?.[0] as string;
    const place = await mkdtemp(join(folder, "spaces-"));
    const module = skeleton.replaceAll("tmpdir()", JSON.stringify(place));
    await writeFile(join(folder, "skeleton.mjs"), module);
    const { code, out } = await groundstate(folder, "conformance", "./skeleton.mjs", "--only", "save/");
    expect(out).toContain("Conformance of my driver");
    expect(out, "it is durable and has destroy").not.toContain("note:");
    expect(code).toBe(0);
    expect(await readdir(place)).toEqual([]);
  });

  test("--json: the same report for programs", async () => {
    const { code, out } = await groundstate(
      folder,
      "conformance",
      "forgetful.mjs",
      "--json",
      "--only",
      "after-erase",
    );
    const report = JSON.parse(out) as Report;
    expect(report).toMatchObject({ harness: "forgetful", passed: 0, failed: 1, skipped: 0 });
    expect(report.results).toEqual([
      {
        id: "idempotency/late-retry-after-erase",
        rule: expect.any(String),
        outcome: "failed",
        milliseconds: expect.any(Number),
        error: { message: expect.stringContaining("duplicate"), stack: expect.any(String) },
      },
    ]);
    expect(report.stray).toEqual([]);
    expect(code).toBe(1);
  });

  test("--beside: what only another's data shows", async () => {
    const args = ["conformance", "./greedy.mjs", "--only", "erase/whole-session"];
    const alone = await groundstate(folder, ...args);
    expect(alone.out).toMatch(/^Conformance of greedy\ngroundstate \d+\.\d+\.\d+, node \d+\.\d+\.\d+\n\n/);
    expect(alone.code).toBe(0);
    const beside = await groundstate(folder, ...args, "--beside");
    expect(beside.out).toMatch(/^Conformance of greedy, beside another's data\n/);
    expect(beside.out).toMatch(/^✗ erase\/whole-session/m);
    expect(beside.code).toBe(1);
  });

  test.runIf(isSoak)("--json says what it is a report of", async () => {
    const about = async (...args: string[]) =>
      JSON.parse((await groundstate(folder, "conformance", "./driver.mjs", "--json", ...args)).out) as Report;
    const { version } = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8")) as { version: string };
    const versions = {
      groundstate: version,
      node: process.versions.node,
      runtime: `node ${process.versions.node}`,
    };
    expect(await about("--only", "save/version")).toMatchObject({ format: 1, mode: "plain", versions });
    const beside = await about("--only", "save/version", "--beside");
    expect(beside).toMatchObject({ format: 1, mode: "beside", versions, passed: 1 });
    expect(Object.keys(beside)).toEqual([
      ...["format", "harness", "mode", "versions", "passed", "failed", "skipped", "notRun", "milliseconds"],
      ...["results", "notes", "stray"],
    ]);
  });

  test.runIf(isSoak)("--only may be given again", async () => {
    const { out } = await groundstate(
      folder,
      "conformance",
      "./driver.mjs",
      "--json",
      "--only",
      "save/v",
      "--only",
      "close/i",
    );
    expect((JSON.parse(out) as Report).results.map(({ id }) => id)).toEqual([
      "save/version",
      "close/idempotent",
    ]);
  });

  test("a driver that keeps the process alive is ended, and fails", async () => {
    const { code, out } = await groundstate(
      folder,
      "conformance",
      "./lingering.mjs",
      "--only",
      "save/version",
    );
    expect(out).toContain("1 passed");
    expect(out).toContain("keeps the process alive");
    expect(code).toBe(1);
  });

  const misuses = [
    { args: ["conformance", "./nowhere.mjs"], says: "there is no module ./nowhere.mjs" },
    { args: ["conformance", "./other.mjs"], says: "default export must be a harness" },
    { args: ["conformance", "./misnamed.mjs"], says: "its fields are name, open, durable" },
    {
      args: ["conformance", "./driver.mjs", "--only", "save/", "--only", "nothing-like-it"],
      says: "no case",
    },
    { args: ["conformance", "./driver.mjs", "--output", "no/such/folder"], says: "cannot be written" },
  ];
  test.each(sampleOf(misuses, 2))("$args: exit code 2, and what to put right", async ({ args, says }) => {
    const { code, out } = await groundstate(folder, ...args);
    expect(out).toContain(says);
    expect(out).toContain("groundstate --help");
    expect(code).toBe(2);
  });

  test("what a driver does to its process stands in a whole report, with the cases, and the rest is run", async () => {
    const only = ["delete/says-whether", "delete/conditional-retry", "save/updated-at"];
    const args = [...only.flatMap((id) => ["--only", id]), "--format", "json", "--output", "liar.json"];
    const { code } = await groundstate(folder, "conformance", "./liar.mjs", ...args);
    const json = await readFile(join(folder, "liar.json"), "utf8");
    const { results, stray = [], notRun } = JSON.parse(json) as Report;
    const exited = results.filter(({ error }) => error?.message === "process.exit(0) was called");
    expect(exited.map(({ id }) => id)).toEqual(["delete/says-whether"]);
    expect(exited[0]?.error?.stack).toMatch(/at Liar\.apply .*liar\.mjs/);
    expect(results.filter(({ outcome }) => outcome === "passed").length).toBeGreaterThan(1);
    expect(notRun).toBe(0);
    expect(stray).toContainEqual(
      expect.objectContaining({ message: "RangeError: from a timer", cases: ["delete/conditional-retry"] }),
    );
    const output = stray.find(({ message }) => message.includes("standard output"));
    expect(output?.message).toBe('the driver wrote to standard output: "{ \\"passed\\": 1 }"');
    expect(output?.cases.every((id) => id.startsWith("save/updated-at"))).toBe(true);
    expect(code).toBe(1);
  });

  const killed = [
    { how: "abort", says: "the process was ended by SIGABRT" },
    { how: "block", says: /the event loop was blocked for \d\.\d s, and the process was killed/ },
  ];
  test.runIf(isSoak).each(killed)("a case that the driver ends by $how is found", async ({ how, says }) => {
    const args = ["conformance", "./liar.mjs", "--only", "save/", "--timeout", "2000"];
    const { code, out } = await groundstate(folder, { LIAR: how }, ...args);
    expect(out).toMatch(says);
    expect(out).toContain("✗ save/comes-back");
    expect(out).toContain("✓ save/nothing-there");
    expect(out).toMatch(/\d passed, 1 failed, 0 skipped/);
    expect(code).toBe(1);
  });

  test.runIf(isSoak)("a store that does not open: no case, and why", async () => {
    const { code, out } = await groundstate(
      folder,
      { LIAR: "hang" },
      ...["conformance", "./liar.mjs", "--timeout", "300"],
    );
    expect(out).toContain("open did not end within 300 ms");
    expect(code).toBe(1);
  });

  test("a module that cannot be loaded: why, and nothing about the command", async () => {
    const { code, out } = await groundstate(folder, "conformance", "./broken.mjs");
    expect(out).toContain("the module cannot be loaded\ncaused by: SyntaxError: Unexpected end of input");
    expect(out).not.toContain("--help");
    expect(code).toBe(2);
  });

  test("--output: the report in the file, and what a person reads on the screen", async () => {
    const args = ["--only", "after-erase", "--format", "junit", "--output", "report.xml"];
    const { code, out } = await groundstate(folder, "conformance", "./forgetful.mjs", ...args);
    expect(out).toMatch(/^✗ idempotency\/late-retry-after-erase/m);
    expect(code).toBe(1);
    const xml = await readFile(join(folder, "report.xml"), "utf8");
    expect(xml).toMatch(/<testcase classname="idempotency" name="idempotency\/late-retry-after-erase"/);
  });

  test.runIf(isSoak)("--help, --version, --list and --rules", async () => {
    const { version } = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8")) as { version: string };
    expect(await groundstate(folder, "--version")).toMatchObject({ code: 0, out: `${version}\n` });
    const help = await groundstate(folder, "--help");
    expect(help).toMatchObject({ code: 0, out: expect.stringContaining("groundstate conformance <module>") });
    const rules = await groundstate(folder, "conformance", "--rules");
    expect(rules).toMatchObject({ code: 0, out: expect.stringContaining("| `processes/kill` |") });
    const listed = await groundstate(folder, "conformance", "--list", "--only", "save/v");
    expect(listed).toMatchObject({ code: 0, out: "save/version\n" });
  });
});
