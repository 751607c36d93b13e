import { z } from "zod";
import { flow, task, runtime, pauseFlowRun, resumeFlowRun, cancelFlowRun, suspendFlowRun, INPUTS, transaction, getTransaction, exponentialBackoff, Completed, Failed, TASK_SOURCE, secret } from "bellhop";
const p = (...x: unknown[]) => console.log(...x);

let calls = 0;
const double = task({ name: "double", cachePolicy: INPUTS, cacheExpiration: 3600 }, async (n: number) => { calls += 1; return n * 2; });
const f = flow({ name: "f" }, async () => { await double(1); const s = await double.run([1], { returnState: true }); return String(s); });
p("cache", await f(), calls);
p("outside flow", String(await double.run([1], { returnState: true })), calls);
// retry reuse
let n = 0; let calls2 = 0;
const step = task({ name: "step", persistResult: true }, async () => { calls2 += 1; return new Date(0); });
const g = flow({ name: "g", retries: 1 }, async () => { const d = await step(); n += 1; if (n === 1) throw new Error("x"); return d; });
p("retry reuse", await g(), calls2);
// unserialisable
const bad = task({ name: "bad", persistResult: true }, async () => () => 1);
p("bad", String(await bad.run([], { returnState: true })));
const badf = flow({ name: "badf", persistResult: true }, async () => Symbol("x"));
p("badf", String(await badf.run([], { returnState: true })));
class Foo { a = 1; }
const badg = flow({ name: "badg" }, async () => { const s = await task({ name: "c", persistResult: true }, async () => new Foo()).run([], { returnState: true }); return String(s); });
p("badg", await badg());
// transaction
const write = task({ name: "write", onRollback: [(txn) => p("undo write", txn.get("file", null))], onCommit: [() => p("commit write")] }, async (file: string) => { getTransaction()?.set("file", file); return file; });
const check = task({ name: "check" }, async (ok: boolean) => { if (!ok) throw new Error("not ok"); });
const tf = flow({ name: "tf" }, async (ok: boolean) => { await transaction(async () => { await write("a"); await write("b"); await check(ok); }); });
p(String(await tf.run([true], { returnState: true })));
p(String(await tf.run([false], { returnState: true })));
const kf = flow({ name: "kf" }, async () => transaction({ key: "import/2026" }, async (txn) => { if (txn.isCommitted()) return "done before"; txn.stage("x"); await write("c"); return "did it"; }));
p(await kf(), await kf());
p("tx outside", await transaction({ key: "k2" }, async (txn) => txn.state));
// suspend
const sf = flow({ name: "sf" }, async () => { await suspendFlowRun(); });
try { p(String(await sf.run([], { returnState: true }))); } catch (e) { p("suspend", (e as Error).name, (e as Error).message, (e as any).hint); }
// pause
const Answer = z.object({ ok: z.boolean(), note: z.string().default("none") });
const pf = flow({ name: "pf" }, async () => {
  const id = runtime.flowRun.id!;
  setTimeout(() => void (async () => { try { await resumeFlowRun(id, { runInput: { ok: "maybe" } }); } catch (e) { p("refused", (e as Error).message); } p(String(await resumeFlowRun(id, { runInput: { ok: true } }))); })(), 300);
  const t = Date.now();
  const a = await pauseFlowRun({ waitForInput: Answer, timeout: 60 });
  p("waited", Date.now() - t > 200);
  return a;
});
p("pause", await pf());
// cancel
const cf = flow({ name: "cf", onCancellation: [(_f, run, s) => p("onCancellation", s.name)] }, async () => {
  const id = runtime.flowRun.id!;
  setTimeout(() => void cancelFlowRun(id).then((s) => p("asked", String(s))), 100);
  await new Promise((r) => setTimeout(r, 5000));
});
const t0 = Date.now();
try { p(String(await cf.run([], { returnState: true }))); } catch (e) { p("cancelled", (e as Error).name, (e as Error).message, Date.now() - t0); }
