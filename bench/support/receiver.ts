import { createServer } from "node:http";
import { isMainThread, parentPort, Worker } from "node:worker_threads";

/** A local HTTP server in a thread of its own, so that it answers while the measured code is busy. */
export interface Receiver extends AsyncDisposable {
  readonly url: string;
  /** When the next request arrives, on the clock of {@link nowMs}. Ask before it can arrive. */
  arrival(): Promise<number>;
}

/** One monotonic clock for all threads of the process, milliseconds. */
export const nowMs = (): number => Number(process.hrtime.bigint()) / 1e6;

const once = (worker: Worker): Promise<number> =>
  new Promise((resolve, reject) => {
    const done = (value: number): void => {
      worker.off("error", reject);
      resolve(value);
    };
    worker.once("message", done).once("error", reject);
  });

export async function startReceiver(): Promise<Receiver> {
  const worker = new Worker(import.meta.filename);
  const port = await once(worker);
  return {
    url: `http://127.0.0.1:${port}/`,
    arrival: () => once(worker),
    [Symbol.asyncDispose]: async () => void (await worker.terminate()),
  };
}

function serve(port: NonNullable<typeof parentPort>): void {
  const server = createServer((request, response) => {
    port.postMessage(nowMs());
    request.resume().on("end", () => response.end("ok"));
  });
  server.listen(0, "127.0.0.1", () => {
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("the receiver has no port");
    port.postMessage(address.port);
  });
}

if (!isMainThread && parentPort !== null) serve(parentPort);
