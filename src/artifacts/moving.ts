import type { UserData } from "../typed/moving/user-data.js";
import { itemPrefix } from "../typed/names.js";
import { RESULT_CONTENT, RESULTS } from "./results/stored-result.js";
import { CONTENT, HEADS, headKindOf, VERSIONS_PREFIX } from "./stored-artifact.js";

/** How artifacts and results move to another user: content, of which there may be more than a commit takes, before what shows it. */
export function movingArtifacts(): UserData {
  return {
    name: "artifacts",
    records: [{ kind: itemPrefix(HEADS), isCounted: true }],
    gated: [
      {
        // Every put and every deletion changes the name; an upload that is under way changes its own record.
        gates: [itemPrefix(HEADS), CONTENT.uploads],
        gateOf: (kind) => (kind.startsWith(VERSIONS_PREFIX) ? headKindOf(kind) : undefined),
        bulk: [VERSIONS_PREFIX, CONTENT.contents, CONTENT.chunks],
        isErased: false,
      },
      {
        gates: [RESULTS, RESULT_CONTENT.uploads],
        bulk: [RESULT_CONTENT.contents, RESULT_CONTENT.chunks],
        isErased: false,
      },
    ],
  };
}
