import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { newId } from "../../src/base/ids.ts";
import { pauseFlowRun } from "../../src/engine/pause.ts";
import { flow } from "../../src/flow.ts";
import { notify } from "../../src/hooks/notify.ts";
import { withHub } from "../../src/hub.ts";
import { Late, Scheduled } from "../../src/states/constructors.ts";
import { acceptState, type State } from "../../src/states/state.ts";
import { task } from "../../src/task.ts";
import { cli, type CliOptions } from "../support/cli.ts";
import { openTestHub, type TestHub } from "../support/hub.ts";
import { aChange, aFlowRun } from "../support/store-records.ts";

let test: TestHub;
beforeEach(async () => {
  test = await openTestHub();
});
afterEach(() => test[Symbol.asyncDispose]());

const bellhop = (words: readonly string[], options: CliOptions = {}) => cli([...words, "--home", test.home], options);
const within = <T>(fn: () => T): T => withHub(test.hub, fn);

/** A body that is under way until its run is cancelled. */
const hang = () => new Promise<never>(() => undefined);

/** Starts a run in this process; it is given once it is in the state. */
async function started(start: () => Promise<unknown>, flowName: string, stateName: string) {
  const ended = within(start).then(
    () => null,
    (error: unknown) => error,
  );
  for (;;) {
    const [run] = await test.hub.store.runs.listFlowRuns({ flowName });
    if (run?.state.name === stateName) return { run, ended };
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** A stored run that no process has. */
async function stored(state: State) {
  const run = aFlowRun({ name: "shy-otter", state, leaseId: null });
  acceptState(state, { timestampMicros: run.createdMicros, flowRunId: run.id, taskRunId: null });
  await test.hub.store.runs.commit(aChange(run));
  return run;
}

const form = z.object({
  approved: z.boolean(),
  level: z.enum(["low", "high"]).default("low"),
  reasons: z.array(z.string()).optional(),
});
const asking = flow({ name: "asking" }, () => pauseFlowRun({ waitForInput: form, timeout: 600 }));
const pausing = flow({ name: "pausing" }, () => pauseFlowRun());
const hanging = flow({ name: "hanging", onCancellation: [notify("inbox/ops")] }, hang);

describe("bellhop run cancel", () => {
  it("asks, says the state, sends what is owed, and does not wait", async () => {
    await bellhop(["block", "save", "inbox/ops"]);
    const { run, ended } = await started(() => hanging(), "hanging", "Running");

    const { code, stdout, stderr } = await bellhop(["run", "cancel", run.name]);

    expect(code).toBe(0);
    expect(stdout).toMatch(new RegExp(`^(◌ Cancelling|⊘ Cancelled)  hanging / ${run.name}\\n$`));
    if (stdout.startsWith("◌")) expect(stderr).toContain(run.id);
    expect(await ended).toMatchObject({ code: "cancelled_run" });
    expect(JSON.parse((await bellhop(["inbox", "ls", "--json"])).stdout)).toHaveLength(1);
  });

  it("waits for the end when it is told to", async () => {
    const { run } = await started(() => hanging(), "hanging", "Running");

    const { code, stdout } = await bellhop(["run", "cancel", run.id.slice(0, 20), "--wait", "20s", "--json"]);

    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ id: run.id, state_type: "CANCELLED", state_name: "Cancelled" });
  });

  it("fails when the run has not ended by then", async () => {
    const stubborn = flow({ name: "stubborn", onCancellation: [hang] }, hang);
    const { run } = await started(() => stubborn(), "stubborn", "Running");

    const { code, stdout, stderr } = await bellhop(["run", "cancel", run.id, "--wait", "10ms", "--json"]);

    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ state_name: "Cancelling" });
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: "wait_timeout" } });
  });

  it("ends what runs nowhere at once", async () => {
    const run = await stored(Scheduled({ scheduledTime: new Date("2030-01-01T00:00:00Z") }));

    const { code, stdout, stderr } = await bellhop(["run", "cancel", run.id]);

    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain("⊘ Cancelled");
  });

  it("is refused once the run has ended", async () => {
    const quick = flow({ name: "quick" }, () => 1);
    await within(() => quick());

    const { code, stderr } = await bellhop([
      "run",
      "cancel",
      "--json",
      (await test.hub.store.runs.listFlowRuns())[0]?.id ?? "",
    ]);

    expect(code).toBe(1);
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: "transition_refused" } });
  });

  it.each([
    { words: ["cancel", "no-such-run"], code: 1, text: "bellhop run ls" },
    { words: ["resume", newId()], code: 1, text: "bellhop run ls" },
    { words: ["cancel", "x", "--wait", "soon"], code: 2, text: "--wait 30s" },
    { words: ["resume", "x", "--input", "{"], code: 2, text: "--input is not JSON" },
    { words: ["resume", "x", "--input-file", "/no/such/file"], code: 2, text: "--input-file cannot be read" },
    { words: ["resume", "x", "--input", "{}", "--input-file", "-"], code: 2, text: "both given" },
  ])("and resume say what to do instead of $words", async ({ words, code, text }) => {
    const result = await bellhop(["run", ...words]);

    expect(result).toMatchObject({ code, stdout: "" });
    expect(result.stderr).toContain(text);
  });
});

describe("bellhop run resume", () => {
  it("lets a run go on that asks for nothing", async () => {
    const { run, ended } = await started(() => pausing(), "pausing", "Paused");

    const { code, stdout, stderr } = await bellhop(["run", "resume", run.name]);

    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: `● Running  pausing / ${run.name}\n`, stderr: "" });
    expect(await ended).toBeNull();
  });

  it.each([
    { what: "missing", input: [] },
    { what: "not valid", input: ["--input", '{"approved":"perhaps"}'] },
  ])("shows the schema of what is asked when the input is $what, and the run stays paused", async ({ input }) => {
    const { run } = await started(() => asking(), "asking", "Paused");

    const plain = await bellhop(["run", "resume", run.id, ...input]);
    const json = await bellhop(["run", "resume", run.id, ...input, "--json"]);

    expect(plain).toMatchObject({ code: 1, stdout: "" });
    expect(plain.stderr).toContain("approved");
    expect(plain.stderr).toContain('"type": "boolean"');
    expect(json.code).toBe(1);
    expect(JSON.parse(json.stdout)).toMatchObject({
      state_name: "Paused",
      input_schema: { required: ["approved"], properties: { approved: { type: "boolean" } } },
    });
    expect(JSON.parse(json.stderr)).toMatchObject({ error: { code: "resume_refused" } });
  });

  it.each(["file", "stdin"])("takes the input from a %s", async (from) => {
    const { run, ended } = await started(() => asking(), "asking", "Paused");
    const text = '{"approved":true,"reasons":["because"]}';
    const file = join(test.home, "answer.json");
    await writeFile(file, text);
    const words = ["run", "resume", run.id, "--input-file", from === "file" ? file : "-", "--json"];

    const { code, stdout } = await bellhop(words, from === "file" ? {} : { stdin: text });

    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ state_name: "Running", run_count: 1 });
    expect(await ended).toBeNull();
  });

  it("needs a paused run", async () => {
    const { run, ended } = await started(() => hanging(), "hanging", "Running");

    const { code, stderr } = await bellhop(["run", "resume", run.id, "--json"]);

    expect(code).toBe(1);
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: "not_paused" } });
    await bellhop(["run", "cancel", run.id, "--wait", "20s"]);
    await ended;
  });
});

describe("bellhop run inspect and ls", () => {
  it("say what a paused run waits for, until when, and how it goes on", async () => {
    const { run } = await started(() => asking(), "asking", "Paused");

    const plain = await bellhop(["run", "inspect", run.id]);
    const json = await bellhop(["run", "inspect", run.id, "--json"]);

    expect(plain.stdout).toMatch(/^‖ Paused {2}asking/);
    expect(plain.stdout).toMatch(
      /waits for +approved: boolean, level\?: "low" \| "high" = "low", reasons\?: string\[\]\n/,
    );
    expect(plain.stdout).toMatch(new RegExp(`go on +bellhop run resume ${run.id} --input '\\{…\\}'\n`));
    expect(plain.stdout).toMatch(/expires +\d{4}-.*\(in /);
    expect(JSON.parse(json.stdout)).toMatchObject({ input_schema: { type: "object" } });
  });

  it("say when a late run was to start", async () => {
    const run = await stored(Late({ scheduledTime: new Date(Date.now() - 60_000) }));

    expect((await bellhop(["run", "inspect", run.id])).stdout).toMatch(/^◷ Late[\s\S]*starts +.*\(1m 0s ago\)/);
    expect((await bellhop(["run", "ls", "--state", "Late"])).stdout).toContain("◷ Late");
  });

  it("show which task runs another one waited for, and why it was not ready", async () => {
    const load = task({ name: "load" }, () => {
      throw new Error("no such table");
    });
    const send = task({ name: "send" }, (rows: unknown) => rows);
    const etl = flow({ name: "etl" }, async () => {
      const rows = load.submit();
      await send.submit(rows).wait();
    });
    await within(() => etl());
    const [run] = await test.hub.store.runs.listFlowRuns();

    const plain = await bellhop(["run", "inspect", run?.id ?? ""]);
    const json = JSON.parse((await bellhop(["run", "inspect", run?.id ?? "", "--json"])).stdout) as {
      task_runs: { id: string; name: string; task_inputs: unknown }[];
    };

    const [loaded, sent] = ["load", "send"].map((name) => json.task_runs.find((task) => task.name.startsWith(name)));
    expect(JSON.stringify(sent?.task_inputs)).toContain(loaded?.id);
    expect(plain.stdout).toMatch(new RegExp(`TASK.*AFTER.*MESSAGE`));
    expect(plain.stdout).toMatch(new RegExp(`${sent?.name ?? "-"} .*NotReady .*${loaded?.name ?? "-"}`));
  });

  it("show a run that is being cancelled as such", async () => {
    const stubborn = flow({ name: "stubborn", onCancellation: [hang] }, hang);
    const { run } = await started(() => stubborn(), "stubborn", "Running");
    await bellhop(["run", "cancel", run.id]);

    expect((await bellhop(["run", "ls"])).stdout).toContain("◌ Cancelling");
    expect((await bellhop(["run", "inspect", run.id])).stdout).toMatch(/^◌ Cancelling {2}stubborn/);
  });
});
