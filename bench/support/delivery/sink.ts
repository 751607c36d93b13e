// The receiver of the delivery benchmark, as a program of its own: node sink.ts
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { nowMs } from "../receiver.ts";

/** What the parent may ask for. The port comes unasked, first. */
export type SinkQuestion = "count" | "arrivals";
export type SinkAnswer =
  | { readonly port: number }
  /** Requests that were answered with 200 since the last question of this kind. */
  | { readonly count: number }
  /** Delivery ids and instants of their arrival since the last question of this kind, on the clock of `nowMs()`. */
  | { readonly arrivals: ReadonlyArray<readonly [id: string, atMs: number]> };

let count = 0;
let arrivals: Array<readonly [string, number]> = [];

function answer(request: IncomingMessage, response: ServerResponse): void {
  const { url = "/", headers } = request;
  if (url.startsWith("/hang")) return;
  if (url.startsWith("/limited")) {
    response.writeHead(429, { "content-length": 0 }).end();
    return;
  }
  count += 1;
  const id = headers["idempotency-key"];
  if (typeof id === "string" && url.startsWith("/timed")) arrivals.push([id, nowMs()]);
  response.writeHead(200, { "content-length": 2 }).end("ok");
}

const tell = (message: SinkAnswer): void => void process.send?.(message);

const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  request.resume().on("end", () => answer(request, response));
});

process.on("message", (question: SinkQuestion) => {
  if (question === "count") {
    tell({ count });
    count = 0;
  } else {
    tell({ arrivals });
    arrivals = [];
  }
});
process.on("disconnect", () => process.exit());

server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the receiver has no port");
  tell({ port: address.port });
});
