import { existsSync } from "node:fs";
import { join } from "node:path";
import { BellhopError, messageOf } from "../../base/errors.ts";
import type { CommandContext, CommandSpec } from "../command.ts";
import { checkHome, checkRuntime } from "../doctor/check-machine.ts";
import { checkDeliveries, checkKey, checkLeases, checkStore, checkTemplates } from "../doctor/check-store.ts";
import { type Finding, fail, ok } from "../doctor/finding.ts";
import { EXIT } from "../exit-code.ts";
import { withProgress } from "../progress.ts";
import { padColumns, safeText, wrapColumns } from "../terminal-text.ts";

export const doctor: CommandSpec = {
  description:
    "Checks runtime, folder, store, key, templates and what is waiting. It changes nothing. Exit code 1 when something is broken.",
  examples: [
    { line: "bellhop doctor", text: "is everything all right here?" },
    { line: "bellhop doctor --json | jq '.[] | select(.level != \"ok\")'", text: "only what needs attention" },
  ],
  run: async (context) => {
    const { out, clock } = context;
    const findings = await withProgress(out, clock, "checking", () => examine(context));
    out.value(findings.map((finding) => ({ ...finding, hint: finding.hint ?? null })));
    for (const finding of findings) show(context, finding);
    const broken = findings.filter(({ level }) => level === "fail").length;
    const doubtful = findings.filter(({ level }) => level === "warn").length;
    out.line();
    out.line(broken + doubtful === 0 ? out.paint.good("All is well.") : `${broken} broken, ${doubtful} to look at.`);
    return broken > 0 ? EXIT.failed : EXIT.ok;
  },
};

/** Each check stands alone: one that cannot be made becomes a finding, and the others go on. */
async function examine(context: CommandContext): Promise<Finding[]> {
  const findings = [checkRuntime()];
  const add = async (check: string, find: () => Promise<Finding | readonly Finding[]>): Promise<boolean> => {
    try {
      findings.push(...[await find()].flat());
      return true;
    } catch (error) {
      findings.push(
        fail(check, messageOf(error), BellhopError.is(error) ? error.hint : "Run it again with BELLHOP_DEBUG=1."),
      );
      return false;
    }
  };
  let home: string | undefined;
  await add("config", async () => {
    home = (await context.config()).home;
    return ok("config", "settings are valid");
  });
  if (home === undefined) return findings;
  const folder = home;
  let exists = false;
  await add("home", async () => {
    const found = await checkHome(folder);
    exists = found.exists && existsSync(join(folder, "bellhop.db"));
    return found.finding;
  });
  // Opening would make the store; a check makes nothing.
  if (!exists) return [...findings, ok("store", "no store yet; it is made on first use")];
  const opened = await add("store", async () => checkStore(await context.core()));
  if (!opened) return findings;
  const core = await context.core();
  await add("key", () => checkKey(core));
  await add("templates", () => checkTemplates(core));
  await add("deliveries", () => checkDeliveries(core));
  await add("leases", () => checkLeases(core));
  return findings;
}

const MARKS = { ok: "✓", warn: "!", fail: "✗" } as const;

function show({ out }: CommandContext, { level, check, text, hint }: Finding): void {
  const { paint } = out;
  const mark =
    level === "ok" ? paint.good(MARKS.ok) : level === "warn" ? paint.warn(MARKS.warn) : paint.bad(MARKS.fail);
  const room = out.columns - 15;
  const lines = wrapColumns(safeText(text), room);
  out.line(`${mark} ${padColumns(check, 11)} ${lines.join(`\n${" ".repeat(14)}`)}`);
  if (hint !== undefined)
    out.line(`${" ".repeat(14)}${paint.dim(wrapColumns(safeText(hint), room).join(`\n${" ".repeat(14)}`))}`);
}
