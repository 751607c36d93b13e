import { strict as assert } from "node:assert";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  bindHook,
  Block,
  flow,
  runtime,
  settings,
  SlackWebhook,
  StringBlock,
  SystemExit,
  task,
} from "../../src/index.ts";
import type { AnyFlow, AnyTask, FlowRun, FlowStateHook, State, TaskRun, TaskStateHook } from "../../src/index.ts";
import { type Inbox, startInbox } from "../../src/inbox/inbox.ts";
import { openTestHub, type TestHub } from "../support/hub.ts";

let inbox: Inbox;
let test: TestHub;

beforeEach(async () => {
  inbox = await startInbox({ host: "127.0.0.1", httpPort: 0, smtpPort: 0 });
  test = await openTestHub({ uiUrl: "https://hub.example" });
  await test.within(() => new SlackWebhook({ url: `${inbox.httpUrl}/services/T0/B0/seed` }).save("my-slack-webhook"));
});

afterEach(async () => {
  await test[Symbol.asyncDispose]();
  await inbox[Symbol.asyncDispose]();
});

/** Texts of the Slack posts that arrived, in order. */
const posts = (): string[] => inbox.messages.map((message) => JSON.parse(message.raw).text as string);

describe("notify on failure, decorator style", () => {
  it("posts once, after the retry is used up, with run, state and link in the text", async () => {
    let bodies = 0;
    const failingFlow = flow({ name: "failing-flow", retries: 1, tags: ["prod"] }, async () => {
      bodies += 1;
      throw new Error("oops!");
    });
    failingFlow.onFailure(async function notifySlack(_flow, flowRun, state) {
      const slack = await Block.load("slack-webhook/my-slack-webhook");
      await slack.notify(
        `Your job ${flowRun.name} entered ${state.name}: ${state.message ?? ""}\n` +
          `<${settings.uiUrl}/flow-runs/flow-run/${flowRun.id}|open the run>\n` +
          `Tags: ${flowRun.tags.join(", ")}\nScheduled start: ${flowRun.expectedStartTime?.toISOString() ?? "n/a"}`,
      );
    });

    await expect(test.within(() => failingFlow())).rejects.toThrow("oops!");

    expect(bodies).toBe(2);
    expect(posts()).toHaveLength(1);
    const [text] = posts();
    expect(text).toMatch(/^Your job [a-z]+-[a-z]+ entered Failed: Flow run failed with Error: oops!\n/);
    expect(text).toMatch(/<https:\/\/hub\.example\/flow-runs\/flow-run\/[0-9a-f-]{36}\|open the run>\nTags: prod\n/);
    expect(text).toMatch(/Scheduled start: \d{4}-\d\d-\d\dT[\d:.]+Z$/);
  });
});

describe("the same hook as a list", () => {
  it("posts once for a flow that fails twice", async () => {
    const notify: FlowStateHook = async (_flow, flowRun, state) => {
      await (await Block.load("slack-webhook/my-slack-webhook")).notify(`${flowRun.name} entered ${state.name}`);
    };
    const failingFlow2 = flow({ onFailure: [notify], retries: 1 }, async function failingFlow2() {
      throw new Error("oops!");
    });

    await expect(test.within(() => failingFlow2())).rejects.toThrow("oops!");

    expect(posts()).toEqual([expect.stringMatching(/^[a-z]+-[a-z]+ entered Failed$/)]);
  });
});

describe("extra arguments for a hook", () => {
  it("hands them over, with the state that the caller gets, and leaves the flow Completed", async () => {
    const data: Record<string, unknown> = {};
    const myHook = (_t: AnyTask, _r: TaskRun, state: State, extra: { x: string; y: number }) => {
      Object.assign(data, { state, ...extra });
    };
    const badTask = task({ name: "bad-task" }, async () => {
      throw new TypeError("meh");
    });
    const okWithFailureFlow = flow({ name: "ok-with-failure-flow" }, async (x: string = "foo", y: number = 42) => {
      const hooked = badTask.withOptions({ onFailure: [bindHook(myHook, { x, y })] });
      return ["bar", await hooked.run([], { returnState: true })] as const;
    });

    const [bar, taskRunState] = await test.within(() => okWithFailureFlow());

    expect(bar).toBe("bar");
    assert.deepEqual(data, { x: "foo", y: 42, state: taskRunState });
    expect(data["state"]).toBe(taskRunState);
    expect(taskRunState.isFailed()).toBe(true);
    const [run] = await test.hub.store.runs.listFlowRuns();
    expect(run?.state.type).toBe("COMPLETED");
  });
});

describe("clean up outside infrastructure when the run crashes", () => {
  it("runs onCrashed of the flow whose task exits, with the block that the flow saved", async () => {
    const JOB = "crashing-flow-cloud-run-job";
    const deleted: string[] = [];
    async function deleteCloudRunJob(_flow: AnyFlow, _flowRun: FlowRun, _state: State) {
      const job = await StringBlock.load(JOB);
      deleted.push(job.value);
      await StringBlock.delete(JOB);
    }
    const myTaskThatCrashes = task({ name: "my-task-that-crashes" }, async () => {
      throw new SystemExit("Crashing on purpose!");
    });
    let runName: string | null = null;
    const crashingFlow = flow({ name: "crashing-flow", onCrashed: [deleteCloudRunJob] }, async () => {
      runName = runtime.flowRun.name;
      await new StringBlock({ value: runtime.flowRun.name ?? "" }).save({ name: JOB, overwrite: true });
      await myTaskThatCrashes();
    });

    await expect(test.within(() => crashingFlow())).rejects.toThrow("Crashing on purpose!");

    expect(deleted).toEqual([runName]);
    await test.within(async () => expect(await Block.exists(`string/${JOB}`)).toBe(false));
    const [run] = await test.hub.store.runs.listFlowRuns();
    expect(run?.state.type).toBe("CRASHED");
    const [taskRun] = await test.hub.store.runs.listTaskRuns(run?.id ?? "");
    expect(taskRun?.state.type).toBe("CRASHED");
  });
});

describe("success hook, signatures, several hooks per transition and one hook on several", () => {
  it("calls every hook of the state in order and no other", async () => {
    const calls: string[] = [];
    const mySuccessHook: FlowStateHook = () => {
      calls.push("flow run succeeded");
    };
    const myFlow = flow({ name: "my-flow", onCompletion: [mySuccessHook] }, () => 42);
    const ok: TaskStateHook = () => {
      calls.push("task run succeeded");
    };
    const bad: TaskStateHook = () => {
      calls.push("task run failed");
    };
    const either: TaskStateHook = (_task, taskRun, state) => {
      calls.push(`succeeded or failed: ${taskRun.state === state}`);
    };
    const options = { onCompletion: [ok, either], onFailure: [bad, either] };
    const myTask = task(options, async function myTask() {
      return 1;
    });
    const myBadTask = task(options, async function myBadTask() {
      throw new Error("no");
    });

    await test.within(async () => {
      expect(await myFlow()).toBe(42);
      expect(await myTask()).toBe(1);
      await expect(myBadTask()).rejects.toThrow("no");
    });

    expect(calls).toEqual([
      "flow run succeeded",
      "task run succeeded",
      "succeeded or failed: true",
      "task run failed",
      "succeeded or failed: true",
    ]);
  });
});
