/**
 * Judges mutants one after another: runs the tests that reach a mutant, up to the first that fails. A test that has failed is
 * run once more without the mutant, so that nothing that an earlier mutant left behind counts as found.
 */
const HIT_LIMIT = 2_000_000;
const LATE = "time is up";

const ns = { mutantCoverage: { static: {}, perTest: {} } };
globalThis.__stryker__ = ns;
const tests = new Map();
/** When the last run of each test ends. */
const ends = new Map();
let suite;
let stray;

const note = (error) => {
  stray ??= error instanceof Error ? error : new Error(String(error));
};
process.on("unhandledRejection", note).on("uncaughtException", note);

async function load(name) {
  const file = name.slice(0, name.indexOf(" "));
  if (!tests.has(name))
    for (const test of await suite.load(file)) tests.set(`${test.file} ${test.name}`, test);
  return tests.get(name);
}

/** Runs one test; resolves with the error it failed with. */
async function failureOf(name, limitMs, isEmptied = false) {
  let timer;
  ns.currentTestId = name;
  try {
    const test = await load(name);
    const isLate = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(LATE)), limitMs ?? test.timeoutMs);
    });
    const end = isEmptied ? undefined : test.body();
    ends.set(name, end);
    await Promise.race([end, isLate]);
    await new Promise(setImmediate);
    return stray;
  } catch (error) {
    return error ?? new Error("nothing was thrown");
  } finally {
    clearTimeout(timer);
  }
}

/** Runs all tests without a mutant: what each reaches, and how long it takes. */
async function record({ files }) {
  const times = {};
  const failures = {};
  for (const file of files)
    for (const test of await suite.load(file)) tests.set(`${file} ${test.name}`, test);
  for (const id of tests.keys()) {
    const started = performance.now();
    stray = undefined;
    const error = await failureOf(id);
    if (error !== undefined) failures[id] = String(error.stack);
    times[id] = performance.now() - started;
  }
  const { perTest, static: statics } = ns.mutantCoverage;
  const reached = Object.fromEntries(Object.entries(perTest).map(([id, hits]) => [id, Object.keys(hits)]));
  return { times, failures, statics: Object.keys(statics), reached };
}

/** The first of the tests that failed, and did so alone too, or with four times the time. */
async function confirmed(group, failures, limits) {
  for (const [index, name] of group.entries()) {
    let error = failures[index];
    if (error?.message === LATE) error = await failureOfLate(name, 3 * limits[name]);
    else if (error !== undefined && group.length > 1) {
      stray = undefined;
      error = await failureOf(name, 3 * limits[name]);
    }
    if (error !== undefined) return { name, error };
  }
  return undefined;
}

/** What a test that is still running fails with in the end. */
async function failureOfLate(name, limitMs) {
  let timer;
  const isLate = new Promise((resolve) => {
    timer = setTimeout(() => resolve(new Error(LATE)), limitMs);
  });
  const end = ends.get(name).then(
    () => undefined,
    (error) => error,
  );
  return Promise.race([end, isLate]).finally(() => clearTimeout(timer));
}

/** What finds the mutant, if anything does; whether this process may have been left unfit for the next. */
async function judge({ mutant, groups, limits, isStatic, isEmptied }) {
  ns.activeMutant = mutant;
  for (const group of groups) {
    ns.hitCount = 0;
    ns.hitLimit = HIT_LIMIT;
    stray = undefined;
    const failures = await Promise.all(group.map((name) => failureOf(name, limits[name], isEmptied)));
    const found = await confirmed(group, failures, limits);
    if (found === undefined) continue;
    const { name, error } = found;
    const killed = { killedBy: name, error: String(error.message).slice(0, 200) };
    if (isStatic) return killed;
    ns.activeMutant = undefined;
    ns.hitCount = undefined;
    stray = undefined;
    const again = await failureOf(name, limits[name]);
    return { ...killed, isTainted: again !== undefined };
  }
  return {};
}

process.on("disconnect", () => process.exit());

process.on("message", async ({ bundle, ...job }) => {
  delete ns.mutantCoverage;
  if (job.files !== undefined) ns.mutantCoverage = { static: {}, perTest: {} };
  if (job.isStatic) ns.activeMutant = job.mutant;
  try {
    suite ??= await import(bundle);
    process.send(await (job.files !== undefined ? record(job) : judge(job)));
  } catch (error) {
    process.send({ killedBy: "load", error: String(error?.stack).slice(0, 600) });
  }
});
