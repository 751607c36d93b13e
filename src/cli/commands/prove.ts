import { randomInt } from "node:crypto";
import { readWorkerPlan } from "../../config/prove-env.ts";
import type { CommandContext, CommandSpec } from "../command.ts";
import { EXIT } from "../exit-code.ts";
import { startProgress } from "../progress.ts";
import { isProven, proofJson, showProof } from "../prove/report.ts";

const DEFAULT_KILLS = 300;
const MOST_KILLS = 1_000_000;
const MOST_SECONDS = 86_400;
const MOST_SEED = 2 ** 31 - 1;

export const prove: CommandSpec = {
  description:
    "Kills real processes on a store of its own, at random instants and between labelled steps, while they run flows and " +
    "send messages to a receiver that misbehaves; locks and fills the store, and sets clocks. Then it compares what was " +
    "acknowledged, what arrived, and what the store says. Exit code 0 only if nothing was lost, nothing came out of " +
    "order, and nothing arrived twice without being marked uncertain. Nothing leaves this machine.",
  options: [
    { flags: "--kills <n>", text: `processes to kill (default ${DEFAULT_KILLS})` },
    { flags: "--seconds <n>", text: "stop killing after this long" },
    { flags: "--seed <n>", text: "chooses what is done to whom; default: at random, printed" },
    { flags: "--keep", text: "keep the stores, to look around in them" },
  ],
  examples: [
    { line: "bellhop prove", text: "about two minutes" },
    { line: "bellhop prove --kills 10000 --json", text: "about an hour; one line at the end" },
    { line: "bellhop prove --seconds 30 --keep", text: "as many as go into half a minute" },
  ],
  run: async (context) => {
    const plan = readWorkerPlan(context.env);
    if (plan === undefined) return await supervise(context);
    await (await import("../prove/worker.ts")).runWorker(plan, context.env);
    return EXIT.ok;
  },
};

async function supervise({ options, out, clock, env, program, signal }: CommandContext): Promise<number> {
  const seconds = options.count("seconds", { min: 1, max: MOST_SECONDS }) ?? null;
  const kills = options.count("kills", { min: 1, max: MOST_KILLS }) ?? (seconds === null ? DEFAULT_KILLS : MOST_KILLS);
  const seed = options.count("seed", { min: 0, max: MOST_SEED }) ?? randomInt(MOST_SEED);
  const { prove: runProof } = await import("../prove/proof.ts");
  out.note(`Killing ${kills === MOST_KILLS ? "" : `${kills} `}processes, seed ${seed}.`);
  using progress = startProgress(out, clock, "starting");
  const proof = await runProof({
    kills,
    seconds,
    seed,
    keep: options.flag("keep"),
    clock,
    env,
    program,
    signal,
    onProgress: (done, step) => progress.update(`${done} killed: ${step}`),
  });
  progress.clear();
  out.event(proofJson(proof, seed));
  if (!out.json) showProof(out, proof, seed);
  return isProven(proof) ? EXIT.ok : EXIT.failed;
}
