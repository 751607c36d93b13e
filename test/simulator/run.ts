// Runs many simulations: `node test/simulator/run.ts --seeds 1000 [--from 1] [--steps 60]`, or one with all that happened:
// `node test/simulator/run.ts --seed 17 --trace`.
import { parseArgs } from "node:util";
import { DEFAULT_STEPS, simulate } from "./simulate.ts";

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "100" },
    from: { type: "string", default: "1" },
    steps: { type: "string", default: String(DEFAULT_STEPS) },
    seed: { type: "string" },
    trace: { type: "boolean", default: false },
  },
});

const steps = Number(values.steps);
const from = Number(values.from);
const seeds =
  values.seed === undefined ? Array.from({ length: Number(values.seeds) }, (_, i) => String(from + i)) : [values.seed];
const total: Record<string, number> = {};
let failed = 0;

for (const seed of seeds) {
  try {
    const { violations, stats, hash, lines } = await simulate({ seed, steps });
    for (const [name, value] of Object.entries(stats)) total[name] = (total[name] ?? 0) + value;
    if (values.trace) console.log(lines().join("\n"));
    if (values.seed !== undefined) console.log(JSON.stringify({ seed, steps, hash, ...stats }));
    if (violations.length === 0) continue;
    console.log(`seed ${seed}: ${violations.length} violations`);
    for (const { promise, what } of violations.slice(0, 5)) console.log(`  promise ${promise}: ${what}`);
  } catch (error) {
    console.log(`seed ${seed}:`, error);
  }
  failed += 1;
}
console.log(JSON.stringify({ seeds: seeds.length, failed, ...total }));
process.exitCode = failed === 0 ? 0 : 1;
