import type { Contestant, Setting } from "../contestant.js";
import { openFresh } from "../fresh-store.js";
import { KEPT_WORK } from "../kept/index.js";

/** The work named by `variant`, spread over as many users of one tenant as `records` says. */
export async function open({
  name = "kept",
  variant = "",
  records = 1,
  folder,
  url,
}: Setting): Promise<Contestant> {
  const work = KEPT_WORK[variant];
  if (work === undefined) throw new Error(`there is no such work: "${variant}"`);
  const own = `${name}_${Object.keys(KEPT_WORK).indexOf(variant)}`;
  const place = url === undefined ? ({ driver: "sqlite" } as const) : ({ driver: "postgres", url } as const);
  const store = await openFresh({ ...place, name: own, folder });
  const users = Array.from({ length: records }, (_, index) => ({ tenant: "acme", user: `user-${index}` }));
  return {
    overlaps: true,
    settings: "",
    ...(await work.open(store, users)),
    close: () => store.close(),
  };
}
