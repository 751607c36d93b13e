import { describe, expect, it } from "vitest";
import { newId } from "../../src/base/ids.ts";
import { flow } from "../../src/flow.ts";
import { notify } from "../../src/hooks/notify.ts";
import { withHub } from "../../src/hub.ts";
import { task } from "../../src/task.ts";
import { cli } from "../support/cli.ts";
import { openTestHub } from "../support/hub.ts";
import { aChange, aFlowRun } from "../support/store-records.ts";

const json = (text: string): unknown => JSON.parse(text);

/** A store with one failed run that told an inbox block, and one completed run. */
async function openStage() {
  const opened = await openTestHub();
  const home = ["--home", opened.home];
  await cli(["block", "save", "inbox/dev", ...home]);
  const broken = task({ name: "broken" }, async () => {
    throw new Error("no such table");
  });
  const hook = (): void => {
    throw new TypeError("the hook itself is broken");
  };
  const failing = flow(
    { name: "failing", retries: 1, tags: ["nightly"], onFailure: [notify("inbox/dev"), hook] },
    async () => broken(),
  );
  const fine = flow({ name: "fine" }, async () => 1);
  await withHub(opened.hub, async () => {
    await failing.run([], { returnState: true });
    await fine();
  });
  await opened.hub.drain({ deadlineMs: 10_000 });
  return { home, [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose]() };
}

describe("bellhop run", () => {
  it("lists runs, newest first, in the words of the REST API", async () => {
    await using stage = await openStage();

    const { code, stdout, stderr } = await cli(["run", "ls", "--json", ...stage.home]);

    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(json(stdout)).toMatchObject([
      { flow_name: "fine", state_type: "COMPLETED", state_name: "Completed", run_count: 1 },
      { flow_name: "failing", state_type: "FAILED", run_count: 2, tags: ["nightly"], state: { type: "FAILED" } },
    ]);
  });

  it.each([
    { filter: ["--state", "failed"], flows: ["failing"] },
    { filter: ["--state", "failed", "--state", "COMPLETED"], flows: ["fine", "failing"] },
    { filter: ["--state", "Completed"], flows: ["fine"] },
    { filter: ["--flow", "fine"], flows: ["fine"] },
    { filter: ["--tag", "nightly"], flows: ["failing"] },
    { filter: ["--limit", "1"], flows: ["fine"] },
    { filter: ["--state", "Late"], flows: [] },
  ])("filters with $filter", async ({ filter, flows }) => {
    await using stage = await openStage();

    const { stdout } = await cli(["runs", "ls", "--json", ...filter, ...stage.home]);

    expect(json(stdout)).toEqual(flows.map((flow_name) => expect.objectContaining({ flow_name })));
  });

  it("shows states, tasks, hooks and deliveries of one run, by id, prefix or name", async () => {
    await using stage = await openStage();
    const [, failed] = json((await cli(["run", "ls", "--json", ...stage.home])).stdout) as {
      id: string;
      name: string;
    }[];
    const { id = "", name = "" } = failed ?? {};

    const byId = await cli(["run", "inspect", id, "--json", ...stage.home]);
    const byName = await cli(["run", "inspect", name, "--json", ...stage.home]);
    const plain = await cli(["run", "inspect", id, ...stage.home]);

    expect(byName.stdout).toBe(byId.stdout);
    expect(json(byId.stdout)).toMatchObject({
      id,
      states: [
        { name: "Pending" },
        { name: "Running" },
        { name: "AwaitingRetry" },
        { name: "Retrying" },
        { name: "Failed" },
      ],
      task_runs: expect.arrayContaining([expect.objectContaining({ task_name: "broken", states: expect.any(Array) })]),
      hooks: [{ event: "onFailure", hook: "hook", status: "failed", error: { name: "TypeError" } }],
      deliveries: [
        {
          destination: "inbox/dev",
          status: "delivered",
          attempts: 1,
          origin: "hook",
          attempt_log: [{ number: 1, outcome: "delivered" }],
        },
      ],
    });
    expect(plain.stdout).toContain("failing / ");
    expect(plain.stdout).toContain("TypeError: the hook itself is broken");
    expect(plain.stdout).toMatch(/Who was told\n.*\n✓ delivered +inbox\/dev +Failed /);
    expect(plain.stdout).toMatch(/Tasks\n.*\nbroken-\w+ +✗ Failed +1 .*no such table/);
  });

  it("shows ids on a terminal that find their record, also when one state caused several messages", async () => {
    await using opened = await openTestHub();
    const home = ["--home", opened.home];
    const hooks = ["one", "two", "three"].map((name) => notify(`inbox/${name}`));
    const failing = flow({ name: "failing", onFailure: hooks }, async () => {
      throw new Error("no such table");
    });
    await withHub(opened.hub, () => failing.run([], { returnState: true }));

    const { stdout } = await cli(["delivery", "ls", ...home], { columns: 80, env: { NO_COLOR: "1" } });
    const ids = stdout.match(/^[0-9a-f]\S+/gm) ?? [];
    const found = await Promise.all(ids.map((id) => cli(["delivery", "inspect", id, ...home])));

    expect(ids).toHaveLength(3);
    expect(found.map(({ code }) => code)).toEqual([0, 0, 0]);
  });

  it("says that the process of an open run is gone", async () => {
    await using opened = await openTestHub();
    const home = ["--home", opened.home];
    const run = aFlowRun({ name: "left-alone", leaseId: newId() });
    await opened.hub.store.runs.commit(aChange(run));

    const listed = await cli(["run", "ls", ...home]);
    const inspected = await cli(["run", "inspect", "left-alone", ...home]);

    for (const { code, stderr } of [listed, inspected]) {
      expect({ code, stderr }).toEqual({
        code: 0,
        stderr: expect.stringMatching(/left-alone is gone\. "bellhop sweep"/),
      });
    }
  });

  it("says that a run does not exist", async () => {
    await using stage = await openStage();

    const { code, stderr } = await cli(["run", "inspect", "nobody", ...stage.home]);

    expect(code).toBe(1);
    expect(stderr).toContain("code: run_not_found");
  });

  it("refuses a mixture of state types and names", async () => {
    await using stage = await openStage();

    expect((await cli(["run", "ls", "--state", "failed", "--state", "Late", ...stage.home])).code).toBe(2);
  });

  it("keeps a table within the terminal, and whole in a pipe", async () => {
    await using stage = await openStage();

    const narrow = await cli(["run", "ls", ...stage.home], { columns: 80, env: { NO_COLOR: "1" } });
    const piped = await cli(["delivery", "ls", ...stage.home]);

    expect(narrow.stdout.split("\n").filter((line) => line.length > 100)).toEqual([]);
    expect(piped.stdout).toContain("inbox/dev");
  });
});

describe("bellhop delivery and inbox", () => {
  it("show what was sent and what arrived", async () => {
    await using stage = await openStage();

    const listed = json(
      (await cli(["deliveries", "ls", "--destination", "inbox/dev", "--json", ...stage.home])).stdout,
    ) as { id: string }[];
    const inspected = await cli(["delivery", "inspect", listed[0]?.id ?? "", "--json", ...stage.home]);
    const inbox = json((await cli(["inbox", "ls", "--json", ...stage.home])).stdout);

    expect(json(inspected.stdout)).toMatchObject({
      status: "delivered",
      attempt_log: [{ number: 1, outcome: "delivered", reason: null, duration_ms: expect.any(Number) }],
    });
    expect(inbox).toMatchObject([{ inbox: "inbox/dev", title: expect.stringContaining("failing") }]);
  });

  it("filter by run", async () => {
    await using stage = await openStage();
    const [fine, failed] = json((await cli(["run", "ls", "--json", ...stage.home])).stdout) as { name: string }[];

    const ofFine = await cli(["delivery", "ls", "--run", fine?.name ?? "", "--json", ...stage.home]);
    const ofFailed = await cli(["delivery", "ls", "--run", failed?.name ?? "", "--json", ...stage.home]);
    const ofNobody = await cli(["delivery", "ls", "--run", "nobody", ...stage.home]);

    expect([json(ofFine.stdout), json(ofFailed.stdout)]).toEqual([
      [],
      [expect.objectContaining({ destination: "inbox/dev" })],
    ]);
    expect(ofNobody.stderr).toContain("code: run_not_found");
  });

  it("refuse a status that does not exist and an id that is unknown", async () => {
    await using stage = await openStage();

    const status = await cli(["delivery", "ls", "--status", "lost", ...stage.home]);
    const unknown = await cli(["delivery", "inspect", "ffffffff", ...stage.home]);

    expect([status.code, unknown.code]).toEqual([2, 1]);
    expect(unknown.stderr).toContain("code: delivery_not_found");
  });

  it("empty the inbox only when it is confirmed", async () => {
    await using stage = await openStage();

    const asked = await cli(["inbox", "clear", ...stage.home]);
    const cleared = await cli(["inbox", "clear", "--yes", "--json", ...stage.home]);

    expect(asked.code).toBe(2);
    expect(json(cleared.stdout)).toEqual({ deleted: 1 });
    expect(json((await cli(["inbox", "ls", "--json", ...stage.home])).stdout)).toEqual([]);
  });
});
