import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { silentLogger } from "../../src/base/logger.ts";
import { systemRandom } from "../../src/base/random.ts";
import { openSqliteStore, type SqliteStore } from "../../src/store/sqlite/open.ts";

const CHILD = fileURLToPath(new URL("crash-child.ts", import.meta.url));

interface Arrived {
  readonly subject: string;
  readonly body: string;
}

interface Scene extends AsyncDisposable {
  /** What reached the receiver, answered or not. */
  readonly arrived: Arrived[];
  /** Answers from now on, or holds every answer back. */
  answers: boolean;
  /** Starts a process; resolves when it has said the word. */
  start(mode: string, word: string): Promise<ChildProcess>;
  /** A process that runs to its end; gives what it said last. */
  run(mode: string): Promise<string>;
  arrivals(count: number): Promise<void>;
  store(): Promise<SqliteStore>;
}

async function openScene(): Promise<Scene> {
  const home = mkdtempSync(join(tmpdir(), "bellhop-crash-"));
  const arrived: Arrived[] = [];
  const held: ServerResponse[] = [];
  const waiting: (() => void)[] = [];
  const sink = createServer((request, response) => {
    let text = "";
    request.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
    request.on("end", () => {
      // Sent by the block that this test saves.
      arrived.push(JSON.parse(text) as Arrived);
      if (scene.answers) response.end("ok");
      else held.push(response);
      for (const check of waiting) check();
    });
  }).listen(0, "127.0.0.1");
  await once(sink, "listening");
  const address = sink.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const children: ChildProcess[] = [];
  const stores: SqliteStore[] = [];

  const spawnChild = (mode: string) => {
    const child = spawn(process.execPath, [CHILD, mode, home, `http://127.0.0.1:${port}/hook`], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    children.push(child);
    return { child, lines: createInterface({ input: child.stdout }) };
  };

  const scene: Scene = {
    arrived,
    answers: true,
    async start(mode, word) {
      const { child, lines } = spawnChild(mode);
      for await (const line of lines) if (line === word) return child;
      throw new Error(`${mode} ended before it said ${word}`);
    },
    async run(mode) {
      const { child, lines } = spawnChild(mode);
      let last = "";
      lines.on("line", (line) => (last = line));
      const [code] = await once(child, "close");
      if (code !== 0) throw new Error(`${mode} ended with ${String(code)}`);
      return last;
    },
    arrivals: (count) =>
      new Promise((resolve) => {
        const check = () => (arrived.length >= count ? resolve() : undefined);
        waiting.push(check);
        check();
      }),
    async store() {
      const store = await openSqliteStore({
        path: join(home, "bellhop.db"),
        clock: systemClock,
        random: systemRandom,
        log: silentLogger,
      });
      stores.push(store);
      return store;
    },
    async [Symbol.asyncDispose]() {
      for (const child of children) child.kill("SIGKILL");
      for (const response of held) response.destroy();
      sink.closeAllConnections();
      sink.close();
      for (const store of stores) await store[Symbol.asyncDispose]();
      rmSync(home, { recursive: true, force: true });
    },
  };
  await scene.run("save");
  return scene;
}

async function kill(child: ChildProcess): Promise<void> {
  child.kill("SIGKILL");
  await once(child, "exit");
}

describe("a process that is killed", () => {
  it("has its onCrashed message sent by the next process", async () => {
    await using scene = await openScene();
    const child = await scene.start("hang", "running");
    await kill(child);
    expect(scene.arrived).toEqual([]);

    await scene.run("next");

    expect(scene.arrived).toHaveLength(1);
    expect(scene.arrived[0]?.subject).toMatch(
      /^nightly\/.+ crashed: Process \d+ on .+ disappeared before the run had ended/,
    );
    const store = await scene.store();
    const [run] = await store.runs.listFlowRuns();
    expect(run?.state).toMatchObject({ type: "CRASHED" });
    expect(await store.outbox.list({})).toMatchObject([
      { status: "delivered", attempts: 1, uncertain: false, stateId: run?.state.id },
    ]);
  });

  it("between the receiver's acceptance and its own record has the same delivery sent again, and counted uncertain", async () => {
    await using scene = await openScene();
    scene.answers = false;
    const child = await scene.start("fail", "failed");
    await scene.arrivals(1);
    await kill(child);
    scene.answers = true;

    await scene.run("next");

    expect(scene.arrived).toHaveLength(2);
    expect(scene.arrived[1]).toEqual(scene.arrived[0]);
    expect(scene.arrived[0]?.subject).toContain("failed: TypeError: bad row 17");
    const store = await scene.store();
    expect(await store.outbox.list({})).toMatchObject([{ status: "delivered", uncertain: true, leaseId: null }]);
    expect(await store.leases.others("none")).toEqual([]);
  });

  it("is cleaned up after once, also when several processes start at the same time", async () => {
    await using scene = await openScene();
    const child = await scene.start("hang", "running");
    await kill(child);

    await Promise.all([scene.run("next"), scene.run("next"), scene.run("next")]);
    await scene.run("next");

    expect(scene.arrived).toHaveLength(1);
  });
});
