import type { Dispatcher } from "undici";
import { killPoint } from "../base/kill-points.ts";
import type { Stoppable } from "./exchange-watch.ts";

/** Longest part of an answer that is read. Unit: bytes. */
const MAX_RESPONSE_BYTES = 65_536;

export interface HttpAnswer {
  readonly kind: "answer";
  readonly status: number;
  readonly statusText: string;
  /** Lower-case names; repeated headers joined by a comma. */
  readonly headers: Readonly<Record<string, string>>;
  /** At most {@link MAX_RESPONSE_BYTES} of it. */
  readonly text: string;
}

/** `written`: the request, or a part of it, may have reached the other side. */
export type HttpResult =
  | HttpAnswer
  | { readonly kind: "failure"; readonly error: unknown; readonly written: boolean }
  | { readonly kind: "stopped"; readonly by: "deadline" | "caller" | "shutdown"; readonly written: boolean };

export interface ExchangeOptions {
  /** On the monotonic clock, milliseconds. */
  readonly deadlineMs: number;
  readonly signal?: AbortSignal | undefined;
  readonly onSettled: (exchange: Exchange, result: HttpResult) => void;
}

/**
 * One request and its answer, as undici reports them. Settles exactly once: with the answer, with what went wrong, or
 * with who stopped it; whatever comes later is dropped. A stop settles at once, also while the request still waits for
 * a connection, and frees the connection.
 */
export class Exchange implements Dispatcher.DispatchHandler, Stoppable {
  readonly deadlineMs: number;
  readonly signal: AbortSignal | undefined;
  readonly #onSettled: ExchangeOptions["onSettled"];
  #controller: Dispatcher.DispatchController | undefined;
  #settled = false;
  #status = 0;
  #statusText = "";
  #headers: Readonly<Record<string, string>> = {};
  #chunks: Buffer[] = [];
  #bytes = 0;

  constructor({ deadlineMs, signal, onSettled }: ExchangeOptions) {
    this.deadlineMs = deadlineMs;
    this.signal = signal;
    this.#onSettled = onSettled;
  }

  stop(by: "deadline" | "caller" | "shutdown"): void {
    if (this.#settled) return;
    this.#settle({ kind: "stopped", by, written: this.#controller !== undefined });
    this.#controller?.abort(new Error("stopped"));
  }

  /** The request could not even be queued. */
  refuse(error: unknown): void {
    this.#settle({ kind: "failure", error, written: false });
  }

  /** A connection is there and the request is about to be written to it. */
  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.#settled) controller.abort(new Error("stopped"));
    else this.#controller = controller;
    killPoint("write:before");
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Readonly<Record<string, string | string[] | undefined>>,
    statusText?: string,
  ): void {
    // 1xx answers announce the real one.
    if (status < 200) return;
    killPoint("response:before");
    this.#status = status;
    this.#statusText = statusText ?? "";
    this.#headers = flatten(headers);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#settled) return;
    const room = MAX_RESPONSE_BYTES - this.#bytes;
    this.#chunks.push(chunk.length > room ? chunk.subarray(0, room) : chunk);
    this.#bytes += Math.min(chunk.length, room);
    if (chunk.length < room) return;
    this.#settleAnswered();
    controller.abort(new Error("answer longer than needed"));
  }

  onResponseEnd(): void {
    this.#settleAnswered();
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: unknown): void {
    this.#settle({ kind: "failure", error, written: this.#controller !== undefined });
  }

  #settleAnswered(): void {
    killPoint("response:after");
    const body = this.#chunks.length === 1 ? this.#chunks[0] : Buffer.concat(this.#chunks);
    this.#settle({
      kind: "answer",
      status: this.#status,
      statusText: this.#statusText,
      headers: this.#headers,
      text: body?.toString("utf8") ?? "",
    });
  }

  #settle(result: HttpResult): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#onSettled(this, result);
  }
}

function flatten(headers: Readonly<Record<string, string | string[] | undefined>>): Record<string, string> {
  const flat: Record<string, string> = {};
  for (const name in headers) {
    const value = headers[name];
    if (value !== undefined) flat[name] = typeof value === "string" ? value : value.join(", ");
  }
  return flat;
}
