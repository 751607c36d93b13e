import { parseMicros } from "../../base/instant.ts";
import type { StateWire } from "../../states/state.ts";
import type { Output } from "../output.ts";
import { deliverySymbol, paintDelivery, paintState, stateSymbol } from "../state-look.ts";
import { shortId } from "../table.ts";
import { fitColumns, padColumns, safeLine, safeText } from "../terminal-text.ts";
import { distanceText, durationText } from "../time-text.ts";
import type { Received } from "../../inbox/received.ts";
import type { DemoEvent, RecordedDelivery } from "./demo-event.ts";
import { mailCard } from "../cards/mail-card.ts";
import { slackCard } from "../cards/slack-card.ts";

export interface Screen {
  /** Shows what just happened; of a message only that it is there. */
  readonly show: (event: DemoEvent) => void;
  /** Shows a message as its reader sees it, and with `raw` its bytes. */
  readonly card: (message: Received) => void;
  /** Starts a numbered part. */
  readonly part: (title: string) => void;
}

/** The demo as a person watches it, in 80 columns. */
export function openScreen(out: Output, options: { readonly raw: boolean }): Screen {
  let part = 0;
  let startMs: number | undefined;
  const sinceStart = (atMs: number): string => out.paint.dim(`${((atMs - (startMs ??= atMs)) / 1_000).toFixed(3)} s`);
  return {
    card: (message) => showCard(out, message, options.raw),
    part: (title) => {
      part += 1;
      out.line();
      out.line(`${out.paint.accent(String(part))}  ${out.paint.bold(title)}`);
    },
    show: (event) => {
      switch (event.event) {
        case "inbox":
          out.line(`   Slack  ${event.slack}   ${out.paint.dim("takes Slack's webhook format")}`);
          out.line(`   mail   ${event.smtp}          ${out.paint.dim("an SMTP server")}`);
          break;
        case "block":
          out.line(`   ${out.paint.good("✓")} ${padColumns(event.ref, 32)}${out.paint.dim(event.description)}`);
          break;
        case "state":
          out.line(`   ${sinceStart(event.atMs)}  ${stateLine(out, event)}`.trimEnd());
          break;
        case "message":
          out.line(`   ${sinceStart(event.message.receivedAtMs)}  ${arrivalLine(out, event.message)}`);
          break;
        case "delivery":
          out.line(deliveryLine(out, event.recorded));
          break;
        case "result":
          showResult(out, event);
      }
    },
  };
}

type StateEvent = Extract<DemoEvent, { event: "state" }>;

function stateLine(out: Output, { atMs, object, name, state }: StateEvent): string {
  const who = object === "flow" ? `flow ${name}` : `  task ${name}`;
  const look = paintState(out.paint, state.type, padColumns(`${stateSymbol(state.type)} ${state.name}`, 15));
  return `${padColumns(who, 20)} ${look} ${out.paint.dim(fitColumns(remarkOn(state, atMs), out.columns - 51))}`;
}

/** The error itself, or how long the wait is. */
function remarkOn({ type, message, state_details: details }: StateWire, atMs: number): string {
  if (type === "FAILED") return safeLine(message ?? "").replace(/^\w+ run .*?: /, "");
  const start = details.scheduled_time == null ? undefined : parseMicros(details.scheduled_time);
  return type === "SCHEDULED" && start !== undefined ? `again ${distanceText(start / 1_000, atMs)}` : "";
}

const arrivalLine = (out: Output, { channel }: Received): string =>
  `${padColumns(channel === "mail" ? "the mail server" : "Slack", 20)} ${out.paint.good("↓ message is there")}`;

function showCard(out: Output, message: Received, raw: boolean): void {
  const columns = out.columns - 3;
  const card =
    message.channel === "mail"
      ? mailCard(out.paint, columns, message.mail)
      : slackCard(out.paint, columns, message.json ?? null);
  out.line();
  for (const line of card) out.line(`   ${line}`);
  if (!raw) return;
  out.line();
  out.line(`   ${out.paint.dim("The bytes as they came in:")}`);
  const request =
    message.channel === "mail"
      ? []
      : [
          `${message.method} ${message.path}`,
          ...Object.entries(message.headers).map(([name, value]) => `${name}: ${value}`),
          "",
        ];
  for (const line of [...request, ...message.raw.split("\n")])
    out.line(`   ${out.paint.dim(safeText(line.trimEnd()))}`.trimEnd());
}

function deliveryLine(out: Output, { delivery, attempts }: RecordedDelivery): string {
  const { status } = delivery;
  const look = paintDelivery(out.paint, status, padColumns(`${deliverySymbol(status)} ${status}`, 11));
  const last = attempts.at(-1);
  const tries = `${attempts.length} attempt${attempts.length === 1 ? "" : "s"}`;
  const answer = last === undefined ? "" : `, ${durationText(last.durationMs)}, ${last.status ?? "no answer"}`;
  return `   ${look} ${padColumns(delivery.destination, 18)} ${out.paint.dim(`${shortId(delivery.id)}  ${tries}${answer}`)}`;
}

function showResult(out: Output, { ok, slack, mail, afterFailureMs }: Extract<DemoEvent, { event: "result" }>): void {
  out.line();
  if (!ok) {
    out.line(
      out.paint.bad(`✗ Not everything arrived: Slack got ${slack} of 2 messages, the mail server ${mail} of 1.`),
    );
    return;
  }
  const soon =
    afterFailureMs === null ? "" : `, the last one ${durationText(afterFailureMs)} after the flow had failed`;
  out.line(`${out.paint.good("✓ All three messages arrived")}${soon}.`);
}

/** The three commands that do the same with the person's own Slack. */
export function showNextSteps(out: Output, bellhop: string): void {
  const steps: readonly (readonly [string, string])[] = [
    [`${bellhop} block save slack-webhook/ops`, "asks for the webhook URL and shows nothing of it"],
    [`${bellhop} block test slack-webhook/ops`, "sends a test message"],
    [`${bellhop} notify slack-webhook/ops "Hello from Bellhop"`, 'in code: onFailure: [notify("slack-webhook/ops")]'],
  ];
  out.line();
  out.line(out.paint.bold("Now with your own Slack"));
  for (const [at, [line, text]] of steps.entries()) {
    out.line();
    out.line(`   ${out.paint.accent(String(at + 1))}  ${line}`);
    out.line(`      ${out.paint.dim(text)}`);
  }
}
