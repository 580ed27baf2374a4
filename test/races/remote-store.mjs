/**
 * Serves a store to the process that started this one. Each message asks for a call; the answer comes with the times, by
 * the clock that all processes share, between which the store had it.
 */
const [module, space] = process.argv.slice(2);
const { default: harness } = await import(module);
const store = await harness.open(space, {});

process.on("message", async ({ id, method, args }) => {
  const began = process.hrtime.bigint();
  const answer = await store[method](...args).then(
    (value) => ({ value }),
    ({ code, message, details }) => ({ error: { code, message, details } }),
  );
  process.send?.({ id, ...answer, began, ended: process.hrtime.bigint() });
});

// Nobody is left to answer to.
process.once("disconnect", () => process.exit());
process.send?.({ isReady: true });
