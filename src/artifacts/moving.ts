import type { UserData } from "../typed/moving/user-data.js";
import { itemPrefix } from "../typed/names.js";
import { CONTENT, HEADS, headKindOf, VERSIONS_PREFIX } from "./stored-artifact.js";

/** How artifacts move to another user: content that more than a commit takes first, and the names last that show it. */
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
    ],
  };
}
