import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadConfig } from "../../src/config/load.ts";
import { openHub, withHub } from "../../src/hub.ts";
import { cancelFlowRun } from "../../src/run-control.ts";
import { runCliProcess, startOnTerminal } from "../support/cli-process.ts";
import { cli, temporaryHome } from "../support/cli.ts";
import { endGroup, lastRun, received, startExec } from "../support/exec-process.ts";

let home: Awaited<ReturnType<typeof temporaryHome>>;
beforeEach(async () => {
  home = await temporaryHome();
  await cli(["block", "save", "inbox/ops", "--home", home.path]);
});
afterEach(() => home[Symbol.asyncDispose]());

const LOOP = "while :; do sleep 0.05; done";
const words = (line: string): string[] => line.split(" ");
const sh = (script: string): string[] => ["--", "/bin/sh", "-c", script];

describe("signals to bellhop exec", () => {
  it.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)(
    "%s reaches the program, ends the run as Crashed without a retry, and ends bellhop in the same way",
    async (signal) => {
      const running = startExec(home.path, [
        "--retries",
        "3",
        "--on-problem",
        "inbox/ops",
        ...sh(`echo ready; ${LOOP}`),
      ]);

      await running.printed("ready");
      running.child.kill(signal);

      expect(await running.ended).toMatchObject({ code: null, signal });
      expect(await lastRun(home.path)).toMatchObject({ state_name: "Crashed", run_count: 1 });
      expect((await lastRun(home.path)).state.message).toContain(`after ${signal} was passed on to it`);
      expect((await received(home.path)).map(({ title }) => title)).toEqual([expect.stringContaining("crashed")]);
    },
  );

  it("leave the decision to the program: one that ends well after SIGTERM has completed", async () => {
    const running = startExec(home.path, sh(`trap 'echo bye; exit 0' TERM; echo ready; ${LOOP}`));

    await running.printed("ready");
    running.child.kill("SIGTERM");

    const result = await running.ended;
    expect(result.stdout.toString()).toBe("ready\nbye\n");
    expect(result).toMatchObject({ code: 0, signal: null });
    expect(await lastRun(home.path)).toMatchObject({ state_name: "Completed" });
  });

  it("make a program that gives up after SIGINT Crashed, with its exit code kept", async () => {
    const running = startExec(home.path, ["--retries", "2", ...sh(`trap 'exit 9' INT; echo ready; ${LOOP}`)]);

    await running.printed("ready");
    running.child.kill("SIGINT");

    expect(await running.ended).toMatchObject({ code: 9, signal: null });
    expect(await lastRun(home.path)).toMatchObject({
      state_name: "Crashed",
      run_count: 1,
      state: { message: expect.stringContaining("exited with code 9 after SIGINT was passed on to it") },
    });
  });

  it.each(["SIGUSR1", "SIGUSR2"] as const)("%s only reaches the program, as often as it is sent", async (signal) => {
    const name = signal.slice(3);
    const running = startExec(home.path, sh(`trap 'echo got' ${name}; trap 'exit 0' TERM; echo ready; ${LOOP}`));

    await running.printed("ready");
    running.child.kill(signal);
    await running.printed("got\n");
    running.child.kill(signal);
    await running.printed("got\ngot\n");
    running.child.kill("SIGTERM");

    expect(await running.ended).toMatchObject({ code: 0 });
    expect(await lastRun(home.path)).toMatchObject({ state_name: "Completed" });
  });

  it("that come again and again all reach a program that ignores the first", async () => {
    const running = startExec(
      home.path,
      sh(`n=0; trap 'n=$((n+1)); echo $n; test $n = 3 && exit 5' TERM; echo ready; ${LOOP}`),
    );

    await running.printed("ready");
    for (const count of ["1", "2", "3"]) {
      running.child.kill("SIGTERM");
      await running.printed(`\n${count}`);
    }

    expect(await running.ended).toMatchObject({ code: 5 });
  });

  it("end the wait for a retry, and the run as Crashed", async () => {
    const running = startExec(home.path, [
      ...words("--retries 1 --retry-delay 1h --on-retry inbox/ops --on-crashed inbox/ops"),
      ...sh("exit 1"),
    ]);
    await expect.poll(async () => (await received(home.path)).length, { timeout: 20_000 }).toBe(1);
    running.child.kill("SIGTERM");

    expect(await running.ended).toMatchObject({ code: null, signal: "SIGTERM" });
    expect(await lastRun(home.path)).toMatchObject({
      state_name: "Crashed",
      state: { message: expect.stringContaining("SIGTERM") },
    });
    expect(await received(home.path)).toHaveLength(2);
  });

  it("from the keyboard reach the program once", async () => {
    const script = "n=0; trap 'n=$((n+1)); echo key $n' INT; trap 'echo last; exit 0' TERM; echo ready; " + LOOP;
    const running = startOnTerminal(["exec", ...sh(script)], { home: home.path });

    await running.printed("ready");
    running.child.stdin?.write("\u0003");
    await running.printed("key 1");
    running.child.stdin?.write("\u0003");
    await running.printed("key 2");
    running.child.stdin?.write("\u001C");
    const { stdout } = await running.ended;

    expect(stdout).not.toContain("key 3");
    await expect.poll(async () => (await lastRun(home.path)).state_name, { timeout: 20_000 }).toBe("Crashed");
  });

  it("are not needed to end a run that somebody cancels: the program is asked to end, then killed", async () => {
    const running = startExec(home.path, [
      ...words("--retries 2 --kill-after 300ms --on-cancellation inbox/ops --on-crashed inbox/ops"),
      ...sh(`trap 'echo asked' TERM; echo ready; ${LOOP}`),
    ]);
    await running.printed("ready");
    {
      await using hub = await openHub(loadConfig({ flags: { home: home.path }, env: { BELLHOP_KEYCHAIN: "off" } }));
      await withHub(hub, async () => cancelFlowRun((await lastRun(home.path)).id));
    }

    const result = await running.ended;
    expect(result).toMatchObject({ code: 137, stderr: expect.not.stringContaining("bellhop exec:") });
    expect(result.stdout.toString()).toContain("asked");
    expect(await lastRun(home.path)).toMatchObject({ state_name: "Cancelled", run_count: 1 });
    expect(await received(home.path)).toHaveLength(1);
  });

  it("are not needed to cancel a run, which is Cancelled when its program has ended, and not before", async () => {
    const script = `trap 'sleep 0.5; exit 0' TERM; echo "pid $$"; echo ready; ${LOOP}`;
    const running = startExec(home.path, ["--kill-after", "20s", ...sh(script)]);
    await running.printed("ready");
    const { id } = await lastRun(home.path);

    const { code, stdout } = await cli(["run", "cancel", id, "--wait", "30s", "--home", home.path]);

    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining("Cancelled") });
    const pid = Number(/pid (\d+)/.exec((await running.ended).stdout.toString())?.[1]);
    expect(() => process.kill(pid, 0)).toThrow("ESRCH");
    const { states } = JSON.parse((await cli(["run", "inspect", id, "--json", "--home", home.path])).stdout) as {
      readonly states: readonly { readonly name: string; readonly timestamp: string }[];
    };
    expect(states.map(({ name }) => name)).toEqual(["Pending", "Running", "Cancelling", "Cancelled"]);
    const [asked, ended] = states.slice(2).map(({ timestamp }) => Date.parse(timestamp));
    // The program took half a second to end.
    expect((ended ?? 0) - (asked ?? 0)).toBeGreaterThan(400);
  });

  it("that cannot be caught leave a run that the next sweep ends as Crashed, with its notification", async () => {
    const running = startExec(home.path, ["--on-crashed", "inbox/ops", ...sh(`echo $$; echo ready; ${LOOP}`)]);
    await running.printed("ready");
    running.child.kill("SIGKILL");
    const { signal, stdout } = await running.ended;
    const orphan = Number(stdout.toString().split("\n")[0]);
    try {
      expect(signal).toBe("SIGKILL");

      await runCliProcess(["sweep"], { home: home.path });

      expect(await lastRun(home.path)).toMatchObject({ state_name: "Crashed" });
      expect(await received(home.path)).toEqual([
        expect.objectContaining({ title: expect.stringContaining("crashed") }),
      ]);
      // What bellhop ran goes on: it may be half way through something. It learns of the loss when it prints.
      expect(process.kill(orphan, 0)).toBe(true);
    } finally {
      endGroup(orphan);
    }
  });
});
