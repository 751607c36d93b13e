import { type ChildProcess, fork } from "node:child_process";
import { join } from "node:path";
import type { SinkAnswer, SinkQuestion } from "./sink.ts";

/** A local HTTP receiver in a process of its own. `/hang…` never answers, `/limited…` answers 429, all else 200. */
export interface Sink extends AsyncDisposable {
  /** Without a slash at the end. */
  readonly origin: string;
  /** Requests answered with 200 since the last call. */
  count(): Promise<number>;
  /** When deliveries to `/timed…` arrived since the last call, on the clock of `nowMs()`. */
  arrivals(): Promise<ReadonlyMap<string, number>>;
}

function next(child: ChildProcess, question?: SinkQuestion): Promise<SinkAnswer> {
  return new Promise((resolve, reject) => {
    const onExit = () => reject(new Error("the receiver ended"));
    child.once("exit", onExit).once("message", (answer) => {
      child.off("exit", onExit);
      // Sent by sink.ts, which knows no other messages.
      resolve(answer as SinkAnswer);
    });
    if (question !== undefined) child.send(question);
  });
}

export async function openSink(): Promise<Sink> {
  const child = fork(join(import.meta.dirname, "sink.ts"), { execArgv: process.execArgv });
  const first = await next(child);
  if (!("port" in first)) throw new Error("the receiver has no port");
  return {
    origin: `http://127.0.0.1:${first.port}`,
    count: async () => {
      const answer = await next(child, "count");
      return "count" in answer ? answer.count : Number.NaN;
    },
    arrivals: async () => {
      const answer = await next(child, "arrivals");
      return new Map("arrivals" in answer ? answer.arrivals : []);
    },
    [Symbol.asyncDispose]: async () => {
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.disconnect();
      await ended;
    },
  };
}
