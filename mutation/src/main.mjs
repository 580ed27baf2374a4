import { readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { bundle } from "./bundle.mjs";
import { groupsOf, ROOT } from "./groups.mjs";
import { Suite } from "./suite.mjs";

const WORKERS = 2;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    /** How many mutants of each group are judged; all of them if absent. */
    sample: { type: "string" },
    /** What the sample is drawn from. */
    seed: { type: "string", default: "1" },
    /** The share of survivors, in percent, above which the run fails. */
    most: { type: "string", default: "5" },
    /** Where what came of each mutant is written, as JSON. */
    output: { type: "string" },
  },
});

const equivalents = JSON.parse(readFileSync(resolve(import.meta.dirname, "../equivalents.json"), "utf8"));
const results = [];
for (const group of groupsOf(positionals)) results.push(...(await judgeGroup(group)));
process.exitCode = share(results) <= Number(values.most) ? 0 : 1;

async function judgeGroup(group) {
  const outfile = resolve(ROOT, `mutation/dist/${group.name.replaceAll("/", "-")}.mjs`);
  const mutants = await bundle(group, outfile);
  const suite = await Suite.record(outfile, group.tests);
  const sample = shuffled(mutants, Number(values.seed)).slice(0, Number(values.sample ?? mutants.length));
  console.log(
    `${group.name}: ${sample.length} of ${mutants.length} mutants, seed ${values.seed}, ${suite.size} tests`,
  );
  const judged = [];
  const waiting = [...sample];
  await Promise.all(Array.from({ length: WORKERS }, () => work(suite, waiting, judged)));
  await proveItCanFail(suite, judged);
  report(group.name, judged);
  return judged;
}

async function work(suite, waiting, judged) {
  const judge = suite.newJudge();
  for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
    judged.push({ ...mutant, ...(await suite.judge(judge, mutant)), reason: reasonOf(mutant) });
    if (values.output !== undefined) writeFileSync(values.output, JSON.stringify([...results, ...judged]));
  }
  judge.stop();
}

/** A mutant that was found survives tests that do nothing: otherwise something else than the tests has found it. */
async function proveItCanFail(suite, judged) {
  const found = judged.find(({ killedBy }) => killedBy?.includes(" "));
  if (found === undefined) throw new Error("no test has found a mutant");
  const judge = suite.newJudge();
  const { killedBy } = await suite.judge(judge, found, true);
  judge.stop();
  if (killedBy !== undefined) throw new Error(`emptied tests found a mutant: ${killedBy}`);
}

/** Why a mutant behaves as the source does, if it is known to. */
function reasonOf(mutant) {
  const isOf = (each) => ["file", "within", "change"].every((key) => each[key] === mutant[key]);
  return equivalents.find(isOf)?.reason;
}

function report(name, judged) {
  const survivors = judged.filter(({ killedBy }) => killedBy === undefined);
  for (const { file, line, mutator, change, reason, isReached } of survivors) {
    const what = reason ?? (isReached ? "SURVIVED" : "SURVIVED, reached by no test");
    console.log(`  ${file}:${line} ${mutator}: ${change} (${what})`);
  }
  const known = survivors.filter(({ reason }) => reason !== undefined).length;
  const late = judged.filter(({ killedBy, error }) => killedBy === "time" || error === "time is up").length;
  console.log(
    `${name}: ${judged.length} mutants: ${judged.length - survivors.length} found (${late} by their time), ` +
      `${known} equivalent, ${survivors.length - known} survived (${share(judged).toFixed(1)} %)`,
  );
}

/** Of the mutants that are not equivalent, how many percent survived. */
function share(judged) {
  const real = judged.filter(({ killedBy, reason }) => killedBy !== undefined || reason === undefined);
  const survived = real.filter(({ killedBy }) => killedBy === undefined).length;
  return (100 * survived) / Math.max(1, real.length);
}

function shuffled(items, seed) {
  let state = seed;
  const draw = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  for (let warm = 0; warm < 10; warm++) draw();
  const ranked = items.map((item) => ({ item, rank: draw() }));
  return ranked.sort((a, b) => a.rank - b.rank).map(({ item }) => item);
}
