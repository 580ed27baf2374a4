import type { StateStore } from "../../../dist/src/index.js";
import type { Contestant, Setting } from "../contestant.js";
import { openNamed } from "../ledger-store.js";
import { TYPED_WORK } from "../typed-work/index.js";
import { TENANT } from "../typed-work/typed-work.js";

/** The store of a work, which several processes may share. */
export function openTypedStore(setting: Setting): Promise<StateStore> {
  const { name = "typed", variant = "", records = 1 } = setting;
  return openNamed(setting, `${name}_${Object.keys(TYPED_WORK).indexOf(variant)}_${records}`);
}

/** The work of a wrapper, named by `variant`, spread over as many sessions as `records` says. */
export async function open(setting: Setting): Promise<Contestant> {
  const { variant = "", records = 1 } = setting;
  const work = TYPED_WORK[variant];
  if (work === undefined) throw new Error(`there is no work of the typed layer called "${variant}"`);
  const store = await openTypedStore(setting);
  const sessions = Array.from({ length: records }, (_, index) => ({
    tenant: TENANT,
    user: `user-${index}`,
    session: `session-${index}`,
  }));
  const { run, check } = await work.open(store, sessions);
  let done = 0;
  return {
    overlaps: true,
    settings: "",
    operations: {
      call: {
        async run() {
          await run();
          done++;
        },
        counts: work.calls,
      },
    },
    check: () => check(done),
    close: () => store.close(),
  };
}
