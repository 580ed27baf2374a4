import {
  ASYMMETRIC_MATCHERS_OBJECT,
  chai,
  customMatchers,
  JestAsymmetricMatchers,
  JestChaiExpect,
  JestExtend,
} from "@vitest/expect";

/** What test files take from `vitest`, for a process that runs chosen tests one after another. */
const DEFAULT_MS = 15_000;

export const tests = [];
let file = "";
let path = [];
let before = [];
let after = [];
let finished = [];

/** The tests that are named from now on are of this file. */
export function begin(name) {
  file = name;
  path = [];
  before = [];
  after = [];
}

export const describe = Object.assign(describeOnce, {
  concurrent: describeOnce,
  skip: () => {},
  each: (values) => (name, body) => {
    for (const [index, value] of values.entries())
      describeOnce(`${name} [${index}]`, () => apply(body, value));
  },
  skipIf: (is) => (is ? () => {} : describeOnce),
});

function describeOnce(name, body) {
  const outer = { path, before, after };
  path = [...path, name];
  before = [...before];
  after = [...after];
  body();
  ({ path, before, after } = outer);
}

const each = (values) => (name, body, timeoutMs) => {
  for (const [index, value] of values.entries())
    testOnce(`${name} [${index}]`, () => apply(body, value), timeoutMs);
};
export const test = Object.assign(testOnce, {
  concurrent: Object.assign(testOnce, { each }),
  skip: () => {},
  each,
  skipIf: (is) => (is ? () => {} : testOnce),
  runIf: (is) => (is ? testOnce : () => {}),
});
export const it = test;

function testOnce(name, body, timeoutMs = DEFAULT_MS) {
  const hooks = { before, after };
  tests.push({
    file,
    name: [...path, name].join(" > "),
    timeoutMs,
    body: async () => {
      finished = [];
      for (const hook of hooks.before) await hook();
      try {
        await body();
      } finally {
        for (const hook of [...finished.reverse(), ...hooks.after]) await hook();
      }
    },
  });
}

export const beforeEach = (hook) => void before.push(hook);

export const afterEach = (hook) => void after.push(hook);

export const beforeAll = (hook) => {
  let done;
  before.push(() => (done ??= Promise.resolve(hook())));
};

/** The process is stopped after its tests. */
export const afterAll = (_) => {};

export const onTestFinished = (hook) => void finished.push(hook);

function apply(body, value) {
  return body(...(Array.isArray(value) ? value : [value]));
}
chai.use(JestExtend);
chai.use(JestChaiExpect);
chai.use(JestAsymmetricMatchers);

export const expect = Object.assign(
  (value, message) => chai.expect(value, message),
  chai.expect,
  globalThis[ASYMMETRIC_MATCHERS_OBJECT],
  { poll },
);
chai.expect.extend(expect, customMatchers);

/** Asked again until it holds. */
function poll(read, { timeout = 10_000 } = {}) {
  return new Proxy(
    {},
    {
      get:
        (_, matcher) =>
        async (...expected) => {
          for (const until = performance.now() + timeout; ; ) {
            try {
              const value = await read();
              return chai.expect(value)[matcher]?.(...expected);
            } catch (error) {
              if (performance.now() > until) throw error;
              await new Promise((resolve) => setTimeout(resolve, 20));
            }
          }
        },
    },
  );
}
