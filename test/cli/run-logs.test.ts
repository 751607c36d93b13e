import { PassThrough, Writable } from "node:stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { newId } from "../../src/base/ids.ts";
import { runCli } from "../../src/cli/run-cli.ts";
import { getRunContext } from "../../src/engine/run-context.ts";
import { getRunLogger } from "../../src/engine/run-logger.ts";
import { flow } from "../../src/flow.ts";
import { withHub } from "../../src/hub.ts";
import { task } from "../../src/task.ts";
import { cli } from "../support/cli.ts";
import { openTestHub, type TestHub } from "../support/hub.ts";

interface Line {
  readonly level_name: string;
  readonly message: string;
  readonly run_name: string;
  readonly source: string;
  readonly timestamp: string;
}

let opened: TestHub;
let home: readonly string[];
const ids: Record<string, string> = {};

async function runFlows(): Promise<void> {
  const load = task({ name: "load" }, () => {
    ids["load"] = getRunContext().taskRun?.id ?? "";
    getRunLogger().warning("3 rows\nwithout a key");
  });
  const send = task({ name: "send", retries: 1 }, () => {
    throw new Error("no such table");
  });
  const note = (): void => getRunLogger().info("noted");
  const broken = (): void => {
    throw new TypeError("the hook itself is broken");
  };
  const failing = flow({ name: "etl", flowRunName: "etl-run", retries: 1, onFailure: [note, broken] }, async () => {
    getRunLogger().debug("details");
    getRunLogger().critical("disk \u001B[31m full");
    await load();
    await send();
  });
  const quiet = flow({ name: "quiet", flowRunName: "quiet-run" }, () => 1);
  const alone = task(
    {
      name: "alone",
      onCompletion: [note],
    },
    () => {
      ids["alone"] = getRunContext().taskRun?.id ?? "";
    },
  );
  await withHub(opened.hub, async () => {
    await failing.run([], { returnState: true });
    await quiet();
    await alone();
  });
  await opened.hub.store.runs.flush();
}

beforeAll(async () => {
  opened = await openTestHub();
  home = ["--home", opened.home];
  await runFlows();
});
afterAll(() => opened[Symbol.asyncDispose]());

async function lines(words: readonly string[]): Promise<Line[]> {
  const { code, stdout, stderr } = await cli(["run", "logs", ...words, "--json", ...home]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  // What the command prints is what is under test.
  return JSON.parse(stdout) as Line[];
}

/** Level and text, names made by chance replaced. */
const shown = (found: readonly Line[]): string[] =>
  found.map(
    ({ level_name, message }) =>
      `${level_name} ${message
        .replace(/(load|send)-[0-9a-f]{3}/g, "$1-xxx")
        .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/, "<time>")
        .replace(/\n {4}at [\s\S]*/, " <stack>")}`,
  );

describe("bellhop run logs", () => {
  it("shows what a run logged, what its states say and what its hooks did, in order", async () => {
    const found = await lines(["etl-run", "--level", "debug"]);

    const attempt = [
      "debug details",
      "critical disk \u001B[31m full",
      "debug Entered state Pending()",
      'info Task run "load-xxx" of task "load" begins',
      "warning 3 rows\nwithout a key",
      "info Finished in state Completed()",
      "debug Entered state Pending()",
      'info Task run "send-xxx" of task "send" begins',
      "info Begins again, in state Retrying(type=RUNNING)",
      "error Finished in state Failed('Task run failed with Error: no such table'); its retries are used up",
    ];
    expect(shown(found)).toEqual([
      "debug Entered state Pending()",
      'info Flow run "etl-run" of flow "etl" begins',
      ...attempt,
      "warning Tries again at <time>: Flow run failed with Error: no such table",
      "info Begins again, in state Retrying(type=RUNNING)",
      ...attempt,
      "error Finished in state Failed('Flow run failed with Error: no such table'); its retries are used up",
      'info Hook "note" (onFailure) begins, on state "Failed"',
      "info noted",
      'info Hook "note" finished',
      'info Hook "broken" (onFailure) begins, on state "Failed"',
      'error Hook "broken" failed: TypeError: the hook itself is broken <stack>',
    ]);
    const times = found.map(({ timestamp }) => timestamp);
    expect(times).toEqual(times.toSorted());
    expect(new Set(found.map(({ source }) => source))).toEqual(new Set(["log", "state", "hook"]));
  });

  it("does not mention retries where there were none, nor hooks", async () => {
    expect(shown(await lines(["quiet-run"]))).toEqual([
      'info Flow run "quiet-run" of flow "quiet" begins',
      "info Finished in state Completed()",
    ]);
  });

  it("shows info and above, unless a level is given", async () => {
    const levels = async (words: readonly string[]) =>
      [...new Set((await lines(["etl-run", ...words])).map(({ level_name }) => level_name))].toSorted();

    expect(await levels([])).toEqual(["critical", "error", "info", "warning"]);
    expect(await levels(["--level", "warning"])).toEqual(["critical", "error", "warning"]);
    expect(await levels(["--level", "critical"])).toEqual(["critical"]);
  });

  it("leaves out the beginning of a hook that failed where only its failure is asked for", async () => {
    const hooks = (await lines(["etl-run", "--level", "error"])).filter(({ source }) => source === "hook");

    expect(shown(hooks)).toEqual(['error Hook "broken" failed: TypeError: the hook itself is broken <stack>']);
  });

  it("shows one task, or one run of it", async () => {
    const byTask = await lines(["etl-run", "--task", "load"]);
    const [first] = byTask;
    const byRun = await lines(["etl-run", "--task", first?.run_name ?? ""]);

    expect(shown(byTask).slice(0, 3)).toEqual([
      'info Task run "load-xxx" of task "load" begins',
      "warning 3 rows\nwithout a key",
      "info Finished in state Completed()",
    ]);
    expect([byTask.length, byRun.length]).toEqual([6, 3]);
    expect(await lines(["etl-run", "--task", "nobody"])).toEqual([]);
  });

  it("shows the latest lines up to a limit, and says that there are more", async () => {
    const all = await lines(["etl-run"]);
    const limited = await cli(["run", "logs", "etl-run", "--limit", "2", ...home]);
    const exact = await cli(["run", "logs", "etl-run", "--limit", String(all.length), ...home]);

    expect(limited.stdout.split("\n")[0]).toContain('Hook "broken" (onFailure) begins');
    expect(limited.stderr).toContain("Earlier lines are left out");
    expect(exact.stderr).toBe("");
  });

  it("shows a task run by its whole id, also one outside a flow, with its hooks", async () => {
    expect(shown(await lines([ids["alone"] ?? ""]))).toEqual([
      'info Task run "alone" of task "alone" begins',
      "info Finished in state Completed()",
      'info Hook "note" (onCompletion) begins, on state "Completed"',
      "info noted",
      'info Hook "note" finished',
    ]);
    expect(shown(await lines([(ids["load"] ?? "").toUpperCase()]))).toHaveLength(3);
  });

  it("prints for people: time, level, run and text, lines of a text together, control characters made visible", async () => {
    const { stdout } = await cli(["run", "logs", "etl-run", ...home]);

    expect(stdout).toMatch(
      /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} {2}info {6}etl-run {3}Flow run "etl-run" of flow "etl" begins$/m,
    );
    expect(stdout).toMatch(/ {2}warning {3}load-[0-9a-f]{3} {2}3 rows\n {4}without a key\n/);
    expect(stdout).toMatch(/ {2}critical {2}etl-run {3}disk \\x1b\[31m full\n/);
    expect(stdout).toMatch(/TypeError: the hook itself is broken\n {8}at /);
  });

  it("gives every line in the words of the API", async () => {
    const [line] = await lines(["quiet-run", "--limit", "1"]);

    expect(line).toEqual({
      name: "prefect.flow_runs",
      level: 20,
      level_name: "info",
      message: "Finished in state Completed()",
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/),
      flow_run_id: expect.any(String),
      task_run_id: null,
      run_name: "quiet-run",
      source: "state",
    });
  });

  it("says that there is nothing to show, and what would show more", async () => {
    const { code, stdout, stderr } = await cli(["run", "logs", "quiet-run", "--level", "error", ...home]);

    expect({ code, stdout }).toEqual({ code: 0, stdout: "" });
    expect(stderr).toContain("--level debug");
  });

  it.each([["nobody"], [newId()]])("says that run %s does not exist", async (asked) => {
    const { code, stderr } = await cli(["run", "logs", asked, ...home]);

    expect(code).toBe(1);
    expect(stderr).toContain("code: run_not_found");
  });

  it("refuses a level that does not exist", async () => {
    expect((await cli(["run", "logs", "etl-run", "--level", "loud", ...home])).code).toBe(2);
  });

  it("ends at once when it follows a run that has ended", async () => {
    const { code, stdout } = await cli(["run", "logs", "quiet-run", "--follow", "--json", ...home]);

    expect(code).toBe(0);
    expect(stdout.trim().split("\n")).toHaveLength(2);
  });

  it("follows a run until it has ended, each line once", async () => {
    const steps = [0, 1, 2].map(() => Promise.withResolvers<void>());
    const stored = [0, 1, 2].map(() => Promise.withResolvers<void>());
    const slow = flow({ name: "slow", flowRunName: "slow-run" }, async () => {
      for (const [at, step] of steps.entries()) {
        getRunLogger().info(`step ${at}`);
        await opened.hub.store.runs.flush();
        stored[at]?.resolve();
        await step.promise;
      }
    });
    const running = withHub(opened.hub, () => slow());
    await stored[0]?.promise;
    const { output, io } = openIo();
    let turn = 0;
    // Time passes as far as the flow goes on: one step for each wait.
    const sleep = async (): Promise<void> => {
      steps[turn]?.resolve();
      turn += 1;
      await (turn < 3 ? stored[turn]?.promise : running);
    };

    const code = await runCli(["run", "logs", "slow-run", "--follow", ...home], {
      ...io,
      clock: { ...systemClock, sleep },
    });

    const texts = output().map((line) => line.split("slow-run  ")[1]);
    expect(code).toBe(0);
    expect(texts).toEqual([
      'Flow run "slow-run" of flow "slow" begins',
      "step 0",
      "step 1",
      "step 2",
      "Finished in state Completed()",
    ]);
  });

  it("stops following when it is interrupted", async () => {
    const [started, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const endless = flow({ name: "endless", flowRunName: "endless-run" }, () => {
      started.resolve();
      return released.promise;
    });
    const running = withHub(opened.hub, () => endless());
    await started.promise;
    const abort = new AbortController();
    const { io } = openIo(abort.signal);
    const sleep = (_ms: number, signal?: AbortSignal): Promise<void> => {
      abort.abort("SIGINT");
      return systemClock.sleep(60_000, signal);
    };

    const code = await runCli(["run", "logs", "endless-run", "--follow", ...home], {
      ...io,
      clock: { ...systemClock, sleep },
    });

    expect(code).toBe(130);
    released.resolve();
    await running;
  });
});

/** Streams of a command line whose output is kept. */
function openIo(signal = new AbortController().signal) {
  const chunks: string[] = [];
  const sink = (): Writable =>
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        chunks.push(chunk.toString("utf8"));
        done();
      },
    });
  const stdin = new PassThrough();
  stdin.end("");
  const stdout = sink();
  const stderr = new Writable({ write: (_chunk, _encoding, done) => done() });
  const env = { CI: "true", BELLHOP_KEYCHAIN: "off" };
  return {
    output: (): string[] => chunks.join("").trimEnd().split("\n"),
    io: { stdin, stdout, stderr, env, program: "/usr/bin/bellhop", signal },
  };
}
