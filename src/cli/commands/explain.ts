import type { CommandSpec } from "../command.ts";
import { noteAbandoned } from "../dead-processes.ts";
import { stepsOf } from "../explain/decisions.ts";
import { explanationJson } from "../explain/explain-json.ts";
import { showExplanation } from "../explain/explain-text.ts";
import { readFacts } from "../explain/facts.ts";
import { verdictsOf } from "../explain/verdicts.ts";
import { findRun, RUN_ARGUMENT } from "../find-run.ts";

export const explain: CommandSpec = {
  description:
    "Who was told of a run, and if not, why: every state, every hook that looked at it and what it decided, every " +
    "delivery with each attempt and the provider's answer, and what did not happen.",
  args: [RUN_ARGUMENT],
  examples: [
    { line: "bellhop explain crimson-fox", text: "why did nobody hear of it?" },
    { line: "bellhop explain 01994f1f --json | jq '.verdicts[] | select(.told | not)'", text: "for a script" },
  ],
  run: async (context) => {
    const core = await context.core();
    const { out, clock, args } = context;
    const run = await findRun(core.store.runs, args[0] ?? "");
    const facts = await readFacts(core, run);
    const steps = stepsOf(facts);
    const nowMs = clock.now();
    const verdicts = verdictsOf(facts, steps, nowMs);
    out.value(explanationJson(facts, steps, verdicts));
    if (out.json) return;
    showExplanation(out, { facts, steps, nowMs, ...verdicts });
    await noteAbandoned(out, core, [run]);
  },
};
