/* oxlint-disable typescript/restrict-template-expressions -- the examples are as users write them */
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { callbackFactory, flow, isSignal, Secret, SecretBlock, signals, task } from "../../src/index.ts";
import type { AnyTask, State, StateHandler } from "../../src/index.ts";
import { openTimedRuns, type TimedRuns } from "../hooks/handlers/timed-runs.ts";

/** A post as it arrived. */
interface Post {
  readonly path: string;
  readonly text: string;
}

let test: TimedRuns;
let server: Server;
let posts: Post[];
/** What the receiver answers. */
let status: number;
let base: string;

beforeEach(async () => {
  test = await openTimedRuns();
  posts = [];
  status = 200;
  server = createServer((request, response) => {
    let raw = "";
    request.on("data", (chunk: Buffer) => (raw += chunk.toString()));
    request.on("end", () => {
      posts.push({ path: request.url ?? "", text: JSON.parse(raw).text as string });
      response.writeHead(status).end("ok");
    });
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  // A server on a TCP port has such an address.
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await test.within(() => new SecretBlock({ value: `${base}/slack` }).save("slack-webhook-url-secret-name"));
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await test[Symbol.asyncDispose]();
});

/** Runs while time stands still: receivers answer in real time. */
const now = <T>(fn: () => Promise<T>): Promise<T> => test.within(fn);

const post = async (path: string, text: string): Promise<Response> =>
  fetch(`${base}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ text }),
  });

const sendPost = async (t: AnyTask, state: State): Promise<void> => {
  await post("/retry", `${t} retries at ${state.startTime?.toISOString()}`);
};

describe("a state handler on a flow and on a task", () => {
  it("prints each state change of its own object", async () => {
    const printed: string[] = [];
    const printHandler: StateHandler = (obj, oldState, newState) => {
      printed.push(`\nhandler on ${obj}:\n${oldState} to ${newState}\n`);
      return newState;
    };
    const noop = task({ name: "Task", stateHandlers: [printHandler] }, () => undefined);
    const demo = flow({ name: "state-handler-demo", stateHandlers: [printHandler] }, async () => {
      await noop();
    });

    await now(() => demo());

    expect(printed).toEqual([
      "\nhandler on <Flow: name=state-handler-demo>:\nPending() to Running()\n",
      "\nhandler on <Task: Task>:\nPending() to Running()\n",
      "\nhandler on <Task: Task>:\nRunning() to Completed()\n",
      "\nhandler on <Flow: name=state-handler-demo>:\nRunning() to Completed()\n",
    ]);
  });
});

describe("a handler that posts to Slack on any finished state", () => {
  const postToSlack: StateHandler<AnyTask> = async (t, _old, next) => {
    if (next.isFinished()) {
      const url = await Secret.get("SLACK_WEBHOOK_URL_SECRET_NAME");
      const answer = await fetch(url, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ text: `${t} finished in state ${next}` }),
      });
      if (!answer.ok) throw new Error(`Slack answered ${answer.status}`);
    }
    return next;
  };

  it("posts once per run, with the secret read in the handler", async () => {
    const good = task({ name: "good", stateHandlers: [postToSlack] }, () => 1);
    const bad = task({ name: "bad", stateHandlers: [postToSlack] }, () => {
      throw new Error("oops!");
    });

    expect(await now(() => good())).toBe(1);
    await expect(now(() => bad())).rejects.toThrow("oops!");

    expect(posts).toEqual([
      { path: "/slack", text: "<Task: good> finished in state Completed()" },
      { path: "/slack", text: "<Task: bad> finished in state Failed('Task run failed with Error: oops!')" },
    ]);
  });

  it("fails the task run when the post is refused", async () => {
    status = 500;
    const good = task({ name: "good", stateHandlers: [postToSlack], retries: 2 }, () => 1);

    const state = await now(() => good.run([], { returnState: true }));

    expect(state.isFailed()).toBe(true);
    expect(state.message).toContain("State handler postToSlack failed with Error: Slack answered 500");
    expect(posts).toHaveLength(1);
  });
});

describe("a reaction to a retry", () => {
  const onRetryA: StateHandler<AnyTask> = async (t, _old, next) => {
    if (next.isRetrying()) await sendPost(t, next);
    return next;
  };
  const onRetryB = callbackFactory(sendPost, (s) => s.isRetrying());

  it.each([
    { how: "by hand", handler: onRetryA },
    { how: "by callbackFactory", handler: onRetryB },
  ])("posts when the next attempt starts, written $how", async ({ handler }) => {
    let bodies = 0;
    const flaky = task({ name: "flaky", retries: 1, retryDelaySeconds: 60, stateHandlers: [handler] }, () => {
      bodies += 1;
      if (bodies === 1) throw new Error("oops!");
      return "made it";
    });
    const startMs = test.clock.now();

    const run = now(() => flaky());
    await test.clock.until(() => posts.length > 0);
    await test.clock.until(() => (test.clock.nextDueMs ?? 0) > 0);
    const value = await test.done(() => run);

    expect(value).toBe("made it");
    expect(posts).toEqual([
      { path: "/retry", text: `<Task: flaky> retries at ${new Date(startMs + 60_000).toISOString()}` },
    ]);
  });

  it("is never called for a task that succeeds", async () => {
    const good = task({ name: "good", stateHandlers: [onRetryA, onRetryB] }, () => 1);

    await now(() => good());

    expect(posts).toEqual([]);
  });
});

describe("a failure that carries data", () => {
  it("is told apart from other failures by the handler", async () => {
    const alerts: string[] = [];
    const alertOnSpecialFailure: StateHandler<AnyTask> = (_t, _old, next) => {
      const signal = next.peek() as { flag?: boolean; value?: unknown } | undefined;
      if (next.isFailed() && signal?.flag === true) alerts.push(`special failure, a == b == ${signal.value}`);
      return next;
    };
    const missionCritical = task(
      { stateHandlers: [alertOnSpecialFailure] },
      async function missionCritical(a: number, b: number) {
        if (a === b) throw Object.assign(new signals.FAIL("a equaled b!"), { flag: true, value: a });
        if (a > b) throw new Error("not special");
        return 1 / (b - a);
      },
    );
    const inspection = flow({ name: "state-inspection-handler" }, async (a: number, b: number) =>
      missionCritical(a, b),
    );

    expect(await now(() => inspection(1, 3))).toBe(0.5);
    await expect(now(() => inspection(3, 1))).rejects.toThrow("not special");
    const error = await now(() => inspection(1, 1).catch((error: unknown) => error));

    expect(alerts).toEqual(["special failure, a == b == 1"]);
    expect(isSignal(error)).toBe(true);
    expect(error).toMatchObject({ message: "a equaled b!", flag: true, value: 1 });
  });
});

describe("a failure callback and several handlers", () => {
  it("run in order, the callback last and for failures only", async () => {
    const calls: string[] = [];
    const first: StateHandler = (_obj, _old, next) => void calls.push(`first ${next.name}`);
    const second: StateHandler = (_obj, _old, next) => void calls.push(`second ${next.name}`);
    const options = {
      stateHandlers: [first, second],
      onFailureCallback: (t: AnyTask, state: State) => void calls.push(`${t}: ${state}`),
    };
    const good = task({ ...options, name: "good" }, () => 1);
    const bad = task({ ...options, name: "bad" }, () => {
      throw new Error("oops!");
    });

    await now(() => good());
    await expect(now(() => bad())).rejects.toThrow("oops!");

    expect(calls).toEqual([
      "first Running",
      "second Running",
      "first Completed",
      "second Completed",
      "first Running",
      "second Running",
      "first Failed",
      "second Failed",
      "<Task: bad>: Failed('Task run failed with Error: oops!')",
    ]);
  });
});
