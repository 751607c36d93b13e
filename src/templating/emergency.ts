import type { RunMessage } from "./context.ts";
import { cleanText } from "./escape.ts";
import { fit } from "./fit.ts";

const LONGEST = { max: 500, unit: "utf16" } as const;

/** The message when no template works: made by code alone, plain text, at most 500 characters, link last and whole. */
export function emergencyText(context: RunMessage): string {
  const { severity, flow, flow_run: run, task_run: task, state, links } = context;
  const subject = [flow?.name, run?.name, task?.name].filter((name) => name !== undefined && name !== "").join("/");
  const message = state.message.trimStart().split(/[\r\n]/, 1)[0] ?? "";
  const text = cleanText(`${severity} ${subject}: ${state.name}${message === "" ? "" : ` — ${message}`}`).replaceAll(
    "\n",
    " ",
  );
  const link = links.run === null || links.run.length > LONGEST.max / 2 ? "" : ` — ${links.run}`;
  return fit(text, { ...LONGEST, max: LONGEST.max - link.length }).text + link;
}
