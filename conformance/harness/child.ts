import { once } from "node:events";
import type { Harness } from "./case.js";
import type { Assignment, Message } from "./child-processes.js";
import { type ChildTaskName, childTasks } from "./child-tasks.js";
import { failureOf } from "./failure.js";

/** The entry of a process that a case starts: it is sent one assignment, plays the role and reports. */
process.once("message", (assignment: Assignment) => {
  play(assignment).then(
    (value) => leave({ is: "done", value }),
    (error: unknown) => leave({ is: "failed", failure: failureOf(error) }),
  );
});

// Nobody is left to report to.
process.once("disconnect", () => process.exit(1));

async function play({ module, space, role, task }: Assignment): Promise<unknown> {
  const harness = ((await import(module)) as { default: Harness }).default;
  const store = await harness.open(space, {});
  const say = (value: unknown) => report({ is: "said", value });
  const go = once(process, "message");
  report({ is: "ready" });
  await go;
  try {
    return await childTasks[role as ChildTaskName](store, task as never, say);
  } finally {
    await store.close();
  }
}

function leave(message: Message): void {
  process.send?.(message, () => process.exit(0));
}

function report(message: Message): void {
  process.send?.(message);
}
