// Work that is kept or undone as a whole: three tasks in a transaction. The last one fails, so the files that the two
// before it wrote are removed again, the last one first.
//
//   npx node -C bellhop-source examples/rollback.ts            the check fails: nothing is left
//   npx node -C bellhop-source examples/rollback.ts 42         the check passes: the files stay
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { flow, getTransaction, task, transaction } from "bellhop";

const amount = Number(process.argv[2] ?? "-1");
const folder = await mkdtemp(join(tmpdir(), "bellhop-example-"));

const write = task(
  {
    name: "write",
    onCommit: [(txn) => console.log(`kept ${txn.get<string>("file")}`)],
    onRollback: [
      async (txn) => {
        const file = txn.get<string>("file");
        await rm(join(folder, file), { force: true });
        console.log(`removed ${file}`);
      },
    ],
  },
  async (file: string) => {
    // Every task run is a transaction of its own; what is set on it is there when it has to be undone.
    getTransaction()?.set("file", file);
    await writeFile(join(folder, file), String(amount));
  },
);

const check = task({ name: "check" }, async (value: number) => {
  if (value < 0) throw new Error("an amount cannot be negative");
});

const book = flow({ name: "book" }, async () => {
  await transaction(async () => {
    await write("invoice.txt");
    await write("ledger.txt");
    await check(amount);
  });
});

const state = await book.run([], { returnState: true });
console.log(String(state));
console.log(`files left: ${(await readdir(folder)).length}`);
await rm(folder, { recursive: true });
