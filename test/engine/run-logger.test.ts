import { inspect } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { LogFields, Logger } from "../../src/base/logger.ts";
import { registerSecret } from "../../src/base/redactor.ts";
import type { EngineContext } from "../../src/engine/engine-context.ts";
import { getRunContext, MissingContextError } from "../../src/engine/run-context.ts";
import { flowRunLogger, getRunLogger, type RunLogger, taskRunLogger } from "../../src/engine/run-logger.ts";
import { flow } from "../../src/flow.ts";
import { withHub } from "../../src/hub.ts";
import type { StoredRunLog } from "../../src/runs/run-log.ts";
import type { FlowRun, TaskRun } from "../../src/runs/run-view.ts";
import { task } from "../../src/task.ts";
import { openRuns } from "../support/runs.ts";

let test: Awaited<ReturnType<typeof openRuns>>;
beforeAll(async () => {
  test = await openRuns();
});
afterAll(() => test[Symbol.asyncDispose]());

interface Told {
  readonly level: keyof Logger;
  readonly message: string;
  readonly fields: LogFields | undefined;
}

/** Runs `fn` on the hub of this file with another log of the process, and gives what both logs got. */
async function logged(fn: () => unknown, parts: Partial<EngineContext> = {}) {
  const told: Told[] = [];
  const at =
    (level: keyof Logger) =>
    (message: string, fields?: LogFields): void =>
      void told.push({ level, message, fields });
  const log: Logger = { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
  const { hub } = test;
  const [before] = await hub.store.logs.listLogs({ newestFirst: true, limit: 1 });
  await withHub({ ...hub, log, engine: { ...hub.engine, log, ...parts } }, async () => fn());
  const stored = await hub.store.logs.listLogs({ after: before?.key ?? 0 });
  // The engine says when runs begin and end too.
  const byRuns = told.filter(({ fields }) => fields !== undefined && "flowRunId" in fields);
  return { stored, told: byRuns, messages: stored.map(({ message }) => message) };
}

/** What a flow logs whose body is `body`. */
const loggedBy = (body: (logger: RunLogger) => unknown, parts?: Partial<EngineContext>) =>
  logged(() => flow({ name: "logging" }, () => body(getRunLogger()))(), parts);

const only = (lines: readonly StoredRunLog[]): StoredRunLog => {
  const [line, ...more] = lines;
  if (line === undefined || more.length > 0) throw new Error(`one line was expected, not ${lines.length}`);
  return line;
};

describe("getRunLogger", () => {
  it("writes for the flow run in a flow, with its names", async () => {
    let run: FlowRun | null = null;
    const { stored, told } = await loggedBy((logger) => {
      run = getRunContext().flowRun;
      logger.info("half way");
      return logger.fields;
    });

    const { id, name } = Object(run) as FlowRun;
    const fields = { flowRunId: id, flowRunName: name, flowName: "logging" };
    expect(only(stored)).toMatchObject({
      ...fields,
      taskRunId: null,
      level: 20,
      logger: "prefect.flow_runs",
      message: "half way",
    });
    expect(told).toEqual([{ level: "info", message: "half way", fields }]);
  });

  it("writes for the task run in a task, with the names of its flow too", async () => {
    const seen: unknown[] = [];
    const load = task({ name: "load" }, () => {
      const { flowRun, taskRun } = getRunContext();
      const logger = getRunLogger();
      logger.info("loading");
      const run = { flowRunId: flowRun?.id, taskRunId: taskRun?.id, taskRunName: taskRun?.name };
      seen.push(logger.fields, { ...run, flowRunName: flowRun?.name, flowName: "outer", taskName: "load" });
    });

    const { stored } = await logged(() => flow({ name: "outer" }, () => load())());

    expect(seen[0]).toEqual(seen[1]);
    expect(only(stored)).toMatchObject({ ...Object(seen[1]), logger: "prefect.task_runs" });
  });

  it("writes for a task run outside a flow without a flow", async () => {
    const load = task({ name: "alone" }, () => getRunLogger().info("by myself"));

    const { stored, told } = await logged(() => load());

    expect(only(stored)).toMatchObject({ flowRunId: null, flowName: null, taskRunName: "alone", taskName: "alone" });
    expect(told[0]?.fields).toMatchObject({ flowRunId: null, flowRunName: null, flowName: null, taskName: "alone" });
  });

  it("writes for the flow in a flow that a task called", async () => {
    const inner = flow({ name: "inner" }, () => getRunLogger().info("inside"));
    const between = task({ name: "between" }, () => inner());

    const { stored } = await logged(() => flow({ name: "outer" }, () => between())());

    expect(only(stored)).toMatchObject({ flowName: "inner", taskRunId: null });
  });

  it("is missing outside of a run", () => {
    expect(() => getRunLogger()).toThrow(MissingContextError);
  });

  it("works in hooks, for the run that they belong to", async () => {
    const note = (): void => getRunLogger().info("from a hook");
    const hooked = task({ name: "hooked", onCompletion: [note] }, () => 1);

    const { stored } = await logged(() => flow({ name: "hooks", onRunning: [note] }, () => hooked())());

    expect(stored.map(({ flowName, taskName }) => [flowName, taskName])).toEqual([
      ["hooks", null],
      ["hooks", "hooked"],
    ]);
  });

  it.each([
    ["debug", 10, "debug"],
    ["info", 20, "info"],
    ["warning", 30, "warn"],
    ["warn", 30, "warn"],
    ["error", 40, "error"],
    ["critical", 50, "error"],
    ["exception", 40, "error"],
  ] as const)("%s stores the level %d", async (method, level, processLevel) => {
    const { stored, told } = await loggedBy((logger) => logger[method]("said"));

    expect(only(stored).level).toBe(level);
    expect(told).toMatchObject([{ level: processLevel, message: "said" }]);
  });

  it("takes levels by name and by number", async () => {
    const { stored } = await loggedBy((logger) => {
      logger.log("critical", "a");
      logger.log(35, "b");
      logger.log(Number.NaN, "c");
    });

    expect(stored.map(({ level }) => level)).toEqual([50, 35, 20]);
  });

  it("fills a text with values, as the console does", async () => {
    const { messages } = await loggedBy((logger) => {
      logger.info("%s: %d rows, %j", "users", 3, { a: 1 });
      logger.info("plain", 1, { b: [2] });
      logger.info({ only: "an object" });
    });

    expect(messages).toEqual(['users: 3 rows, {"a":1}', "plain 1 { b: [ 2 ] }", "{ only: 'an object' }"]);
  });

  it("shows the stack and the cause of an error", async () => {
    const error = new Error("outer", { cause: new Error("inner") });

    const { messages } = await loggedBy((logger) => {
      logger.exception(error);
      logger.exception("while loading", error);
    });

    expect(messages[0]).toMatch(/^Error: outer\n {4}at [\s\S]*Error: inner\n/);
    expect(messages[1]).toMatch(/^while loading Error: outer\n {4}at /);
  });

  it("keeps a record with sendToApi: false out of the store, and in the log of the process", async () => {
    const { messages, told } = await logged(() =>
      flow({ name: "local" }, () => {
        getRunLogger().info("secretive", { sendToApi: false });
        getRunLogger().info("open", { sendToApi: true });
        getRunLogger({ sendToApi: false }).info("never");
        getRunLogger({ sendToApi: false }).info("once", { sendToApi: true });
        getRunLogger().info("a value", { sendToApi: false, more: 1 });
      })(),
    );

    expect(messages).toEqual(["open", "once", "a value { sendToApi: false, more: 1 }"]);
    expect(told.map(({ message }) => message)).toEqual(["secretive", "open", "never", "once", messages[2]]);
  });

  it("adds given fields to the log of the process", async () => {
    const { told } = await logged(() => flow({ name: "extra" }, () => getRunLogger({ shard: 7 }).info("x"))());

    expect(told[0]?.fields).toMatchObject({ shard: 7, flowName: "extra" });
  });

  it("masks secrets, known ones and those of the run's parameters", async () => {
    registerSecret("tell-nobody-of-this");
    const open = flow({ name: "masking" }, (given: { password: string }) =>
      getRunLogger().info("%s and %s", "tell-nobody-of-this", given.password),
    );

    const { messages, told } = await logged(() => open({ password: "another-secret-text" }));

    expect(messages).toEqual(["******** and ********"]);
    expect(told[0]?.message).toBe(messages[0]);
  });

  it("cuts a long message, after masking it and not within a character", async () => {
    registerSecret("secret-at-the-border");
    const head = "x".repeat(24_999);

    const { messages } = await loggedBy((logger) => {
      logger.info("x".repeat(25_000));
      logger.info(`${head}💥 tail`);
      logger.info(`${"x".repeat(24_990)}secret-at-the-border`);
    });

    expect(messages).toEqual([
      "x".repeat(25_000),
      `${head}… (cut here; 25006 characters in all)`,
      `${"x".repeat(24_990)}********`,
    ]);
  });

  it("never throws: not for a value that cannot be shown, nor when nothing can be stored", async () => {
    const broken = {
      [inspect.custom]: () => {
        throw new Error("no picture");
      },
    };
    const logs: EngineContext["logs"] = {
      ...test.hub.store.logs,
      recordLog: () => {
        throw new Error("closed");
      },
    };

    const { messages } = await loggedBy((logger) => logger.info(broken));
    const { told } = await loggedBy((logger) => logger.info("lost"), { logs });

    expect(messages).toEqual(["(cannot be shown: no picture)"]);
    expect(told).toMatchObject([
      { level: "info", message: "lost" },
      { level: "error", fields: { error: "closed", flowName: "logging" } },
    ]);
  });

  it("has methods that can be passed on", async () => {
    const { messages } = await loggedBy(({ info }) => ["a", "b"].forEach((text) => info(text)));

    expect(messages).toEqual(["a", "b"]);
  });
});

describe("flowRunLogger and taskRunLogger", () => {
  let flowRun: FlowRun;
  let taskRun: TaskRun;
  beforeAll(async () => {
    const load = task({ name: "load" }, () => {
      const context = getRunContext();
      if (context.flowRun === null || context.taskRun === null) throw new Error("a task in a flow has both");
      flowRun = context.flowRun;
      taskRun = context.taskRun;
    });
    await test.within(() => flow({ name: "given" }, () => load())());
  });

  it("write for a run that is not around, once the store is open", async () => {
    const { stored } = await logged(async () => {
      flowRunLogger(flowRun).info("about the flow run");
      taskRunLogger(taskRun).error("about the task run");
      flowRunLogger(flowRun).info("not stored", { sendToApi: false });
      await test.hub.store.runs.flush();
    });
    // Written when the hub was found, which takes a turn.
    expect(stored.map(({ message, level, flowRunId, taskRunId }) => [message, level, flowRunId, taskRunId])).toEqual([
      ["about the flow run", 20, flowRun.id, null],
      ["about the task run", 40, flowRun.id, taskRun.id],
    ]);
  });

  it("name the given flow and task", () => {
    const load = task({ name: "other-task" }, () => 1);
    const given = flow({ name: "other-flow" }, () => 1);

    expect(flowRunLogger(flowRun).fields).toEqual({
      flowRunId: flowRun.id,
      flowRunName: flowRun.name,
      flowName: "given",
    });
    expect(flowRunLogger(flowRun, given).fields.flowName).toBe("other-flow");
    expect(taskRunLogger(taskRun, load).fields).toEqual({
      flowRunId: flowRun.id,
      flowRunName: null,
      flowName: null,
      taskRunId: taskRun.id,
      taskRunName: taskRun.name,
      taskName: "other-task",
    });
  });

  it("know the names of the flow when its run is around", async () => {
    const seen: unknown[] = [];
    const note = (_task: unknown, run: TaskRun): void => void seen.push(taskRunLogger(run).fields);

    await test.within(() => flow({ name: "around" }, () => task({ name: "t", onCompletion: [note] }, () => 1)())());

    expect(seen).toMatchObject([{ flowName: "around", flowRunName: expect.stringMatching(/-/), taskName: "t" }]);
  });
});
