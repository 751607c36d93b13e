import { type ChildProcess, spawn } from "node:child_process";
import type { Clock } from "../../base/clock.ts";
import { type KillAt, KILL_AT_VARIABLE, WORKER_VARIABLE } from "../../config/prove-env.ts";
import type { WorkerPlan } from "./worker-plan.ts";

/** How a process of the proof ended. */
export interface ProcessEnd {
  readonly wasKilled: boolean;
  /** It did not end by itself, and was ended. */
  readonly wasHung: boolean;
  /** Exit code; null when a signal ended it. */
  readonly code: number | null;
  /** The end of what it said on standard error. */
  readonly said: string;
}

export interface Running {
  /** Resolves when its hub is open, or when it has ended. */
  readonly ready: Promise<void>;
  readonly ended: Promise<ProcessEnd>;
  /** SIGKILL. */
  kill(): void;
  /** SIGSTOP, and SIGCONT after so long. */
  freeze(forMs: number): void;
}

export interface ProcessParts {
  /** How this program was started: the path of its bin. */
  readonly program: string;
  readonly env: NodeJS.ProcessEnv;
  readonly clock: Clock;
  /** Longest life of a process, milliseconds. Default two minutes, where seconds are usual. */
  readonly longestMs?: number;
}

const LONGEST_MS = 120_000;

/** What any program needs; the person's settings and proxies stay out of it. */
const PASSED_ON = ["PATH", "HOME", "TMPDIR", "TEMP", "SystemRoot", "NODE_COMPILE_CACHE", "BELLHOP_LOG_LEVEL"] as const;

const SAID_CHARS = 4_000;

/** Starts processes, and ends those that are left when it is disposed. */
export class Processes implements Disposable {
  readonly #parts: ProcessParts;
  readonly #children = new Set<ChildProcess>();
  #isClosed = false;

  constructor(parts: ProcessParts) {
    this.#parts = parts;
  }

  start(plan: WorkerPlan, at: KillAt | null): Running {
    if (this.#isClosed) throw new Error("the proof was stopped");
    const { program, env, clock, longestMs = LONGEST_MS } = this.#parts;
    const child = spawn(process.execPath, [...process.execArgv, program, "prove"], {
      cwd: plan.home,
      env: {
        ...Object.fromEntries(PASSED_ON.map((name) => [name, env[name]])),
        [WORKER_VARIABLE]: JSON.stringify(plan),
        ...(at === null ? {} : { [KILL_AT_VARIABLE]: `${at.point}#${at.hit}` }),
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#children.add(child);
    let said = "";
    child.stderr.on("data", (chunk: Buffer) => {
      said = (said + chunk.toString("utf8")).slice(-SAID_CHARS);
    });
    let wasHung = false;
    const hung = clock.timer(longestMs, () => (wasHung = child.kill("SIGKILL")));
    const ended = new Promise<ProcessEnd>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code, signal) => {
        hung[Symbol.dispose]();
        this.#children.delete(child);
        resolve({ wasKilled: signal === "SIGKILL" && !wasHung, wasHung, code, said });
      });
    });
    const ready = new Promise<void>((resolve) => {
      child.stdout.once("data", () => resolve());
      child.once("close", () => resolve());
    });
    return {
      ready,
      ended,
      kill: () => void child.kill("SIGKILL"),
      freeze: (forMs) => {
        // Windows has no such signal.
        if (process.platform === "win32" || !child.kill("SIGSTOP")) return;
        clock.timer(forMs, () => void child.kill("SIGCONT"));
      },
    };
  }

  [Symbol.dispose](): void {
    this.#isClosed = true;
    for (const child of this.#children) child.kill("SIGKILL");
  }
}
