import { z } from "zod";
import { flow, task, tags, runtime, getRunContext, notify, pauseFlowRun, resumeFlowRun, cancelFlowRun, suspendFlowRun, wait, asCompleted, allowFailure, unmapped, INPUTS, transaction, getTransaction, exponentialBackoff, Completed, Failed, closeDefaultHub } from "bellhop";
const p = (...x: unknown[]) => console.log(...x);

const load = task({ name: "load" }, async (t: string) => { if (t === "bad") throw new Error("no such table"); return t.length; });
const sum = task({ name: "sum" }, async (xs: readonly number[]) => xs.reduce((a, b) => a + b, 0));
const etl = flow({ name: "etl", maxConcurrentTasks: 2 }, async () => {
  const counts = load.map(["a", "bb", "ccc"]);
  const total = sum.submit(counts);
  return total.result();
});
p("etl", await etl());

const f2 = flow({ name: "f2" }, async () => {
  const bad = load.submit("bad");
  const s = sum.submit([bad]);
  p("s state", String(await s.wait()));
  const state = await s.wait();
  p(state.message);
  try { await s.result(); } catch (e) { p("result threw", e instanceof Error ? [e.name, e.message, (e.cause as Error)?.message] : e); }
  return 1;
});
p("f2", String(await f2.run([], { returnState: true })));

const f3 = flow({ name: "f3" }, async () => { const bad = load.submit("bad"); return [bad, load.submit("x")]; });
p("f3", String(await f3.run([], { returnState: true })));
try { await f3(); } catch (e) { p("f3 threw", e); }
const f3b = flow({ name: "f3b" }, async () => { load.submit("bad"); });
p("f3b", String(await f3b.run([], { returnState: true })));

const child = flow({ name: "child" }, async (x: number) => x * 2);
const parent = flow({ name: "parent", flowRunName: "parent-{day}", parameters: z.object({ day: z.string().default("mon") }) }, async ({ day }) => {
  return [await child(2), day, runtime.flowRun.name, runtime.flowRun.parameters];
});
p("parent", await parent({}));
const gen = flow({ name: "gen" }, function* () { yield 1; yield 2; });
p("gen", await gen());
const agen = task({ name: "agen" }, async function* () { yield 1; yield 2; });
p("agen", await agen());
p("tags", await tags(["x"], () => flow({ name: "t", tags: ["y"] }, async () => runtime.flowRun.tags)()));
p("ctx outside", runtime.flowRun.id, runtime.flowRun.runCount);
const slow = flow({ name: "slow", timeoutSeconds: 0.05 }, async () => { const { signal } = getRunContext() as any; p("signal", signal instanceof AbortSignal); await new Promise((r) => setTimeout(r, 300)); return 1; });
try { await slow(); } catch (e) { p("slow", (e as Error).name, (e as Error).message); }
