import { flow, task, openHub, loadConfig, withHub, getRunLogger, runtime, MissingResult } from "bellhop";
const p = (...x: unknown[]) => console.log(...x);
// keep, then read by another hub
let id = "";
const keep = flow({ name: "keep", persistResult: true }, async () => { id = runtime.flowRun.id!; return { at: new Date(0), m: new Map([[1, 2n]]) }; });
const nokeep = flow({ name: "nokeep" }, async () => { id = runtime.flowRun.id!; return 1; });
{
  await using hub = await openHub();
  await withHub(hub, () => keep());
  const again = await hub.runs.readFlowRun(id);
  p(await again?.state.result());
  await withHub(hub, () => nokeep());
  const no = await hub.runs.readFlowRun(id);
  try { await no?.state.result(); } catch (e) { p((e as Error).name, (e as Error).message, (e as any).hint); }
}
// nested reuse
let childCalls = 0, tries = 0;
const child = flow({ name: "child", persistResult: true }, async () => { childCalls += 1; return 5; });
const parent = flow({ name: "parent", retries: 1 }, async () => { const x = await child(); tries += 1; if (tries === 1) throw new Error("once"); return x; });
p("parent", await parent(), "child calls", childCalls);
// flow failing with task log
const withFolder = task({ name: "folder", resultStorage: "./kept", resultStorageKey: "report-{parameters.day}", resultSerializer: "compressed/json" }, async ({ day }: { day: string }) => ({ day }));
p(await withFolder({ day: "mon" }), String(await withFolder.run([{ day: "mon" }], { returnState: true })));
class Foo { a = 1; }
const badKeep = task({ name: "bad-keep", persistResult: true, onRollback: [() => p("rolled back!")] }, async () => new Foo());
const outer = flow({ name: "outer" }, async () => { p("value", await badKeep()); });
p(String(await outer.run([], { returnState: true })));
// inherits
const inh = task({ name: "inh", onRollback: [() => p("inh rolled back!")] }, async () => new Foo());
const outer2 = flow({ name: "outer2", persistResult: true }, async () => { await inh(); });
p(String(await outer2.run([], { returnState: true })));
const ff = flow({ name: "ff" }, async () => { const fu = badKeep.submit(); return fu; });
const st = await ff.run([], { returnState: true });
p(String(st), await st.result());
