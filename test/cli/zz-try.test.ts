import { writeFileSync } from "node:fs";
import { it } from "vitest";
import { flow } from "../../src/flow.ts";
import { notify } from "../../src/hooks/notify.ts";
import { withHub } from "../../src/hub.ts";
import { task } from "../../src/task.ts";
import { cli } from "../support/cli.ts";
import { openTestHub } from "../support/hub.ts";

it("shows", async () => {
  await using opened = await openTestHub();
  const home = ["--home", opened.home];
  await cli(["block", "save", "inbox/dev", ...home]);
  const broken = task({ name: "broken", onFailure: [notify("inbox/dev")] }, async () => {
    throw new Error("no such table");
  });
  const hook = (): void => {
    throw new TypeError("the hook itself is broken");
  };
  const failing = flow(
    { name: "failing", retries: 1, tags: ["nightly"], onFailure: [notify("inbox/dev"), notify("inbox/nobody"), hook], onRetry: [notify("inbox/dev")], onCompletion: [notify("slack-webhook/ops")], onCrashed: [notify("inbox/dev")] },
    async () => broken(),
  );
  const child = flow({ name: "child" }, async () => 1);
  const fine = flow({ name: "fine" }, async () => child());
  await withHub(opened.hub, async () => {
    await failing.run([], { returnState: true });
    await fine();
  });
  await opened.hub.drain({ deadlineMs: 10_000 });
  const runs = await opened.hub.runs.listFlowRuns();
  let text = "";
  for (const words of [
    ...runs.map((run) => ["explain", run.id]),
    ["delivery", "ls"],
    ["delivery", "stats"],
    ["delivery", "inspect", (await opened.hub.store.outbox.list({ status: ["dead"] }))[0]?.id ?? ""],
    ["delivery", "replay", "--status", "dead", "--dry-run"],
    ["delivery", "replay", "--status", "dead", "-y"],
    ["delivery", "cancel", "--destination", "inbox/dev"],
    ["delivery", "cancel"],
    ["explain", runs.at(-1)?.id ?? "", "--json"],
  ]) {
    const r = await cli([...words, ...home], words.includes("--json") ? {} : { columns: 100, env: { NO_COLOR: "1" } });
    text += `$ ${words.join(" ")}  -> ${r.code}\n${r.stdout}${r.stderr}\n`;
  }
  writeFileSync("/tmp/try/out.txt", text);
});
