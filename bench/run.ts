// npm run bench -- <name> [--json] [--quick] [--transitions <count>]
import { globSync } from "node:fs";
import { loadavg, cpus } from "node:os";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import { describeFigure } from "./support/figures.ts";
import type { Bench } from "./support/options.ts";

const names = globSync("*.ts", { cwd: import.meta.dirname })
  .map((file) => basename(file, ".ts"))
  .filter((name) => name !== "run")
  .toSorted();

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: "boolean", default: false },
    quick: { type: "boolean", default: false },
    transitions: { type: "string" },
  },
});
const [name] = positionals;
const transitions = values.transitions === undefined ? null : Number(values.transitions);

if (name === undefined || !names.includes(name) || (transitions !== null && !(transitions > 0))) {
  process.stderr.write(
    `usage: npm run bench -- <name> [--json] [--quick] [--transitions <count>]\nbenchmarks: ${names.join(", ")}\n`,
  );
  process.exitCode = 2;
} else {
  const load = loadavg()[0] ?? 0;
  if (load > cpus().length / 2)
    process.stderr.write(`note: the machine is busy (load ${load.toFixed(2)}); figures will be worse\n`);
  // The module is one of the files listed above, and each of them exports `run`.
  const bench = (await import(join(import.meta.dirname, `${name}.ts`))) as Bench;
  await bench.run(
    (figure) => process.stdout.write(`${values.json ? JSON.stringify(figure) : describeFigure(figure)}\n`),
    { quick: values.quick, transitions },
  );
}
