import suite from "abstract-level/test";
import { expect, it } from "vitest";
import { newSession, onEveryStore } from "../typed/stores.js";
import { KeySpace } from "./key-space.js";
import { StateLevel } from "./state-level.js";
import { tapeResults } from "./tape-results.js";

onEveryStore((opened) => {
  it("passes the suite of abstract-level", async () => {
    const { passed, failed } = await tapeResults((test) =>
      suite({
        test,
        factory: (options?: object) => new StateLevel(new KeySpace(opened.store, newSession()), options),
      }),
    );
    expect(failed).toEqual([]);
    expect(passed).toBeGreaterThan(4000);
  });
});

it("tells a test of tape that fails, and what came", async () => {
  const results = await tapeResults((test) =>
    test("sums", (t) => {
      t.equal(1 + 1, 2, "even");
      t.equal(1 + 1, 3, "odd");
      t.end();
    }),
  );
  expect(results).toEqual({ passed: 1, failed: ["sums: odd: 2 instead of 3"] });
});
