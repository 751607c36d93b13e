import { flow, task, allowFailure, unmapped, wait, asCompleted, signals, Completed, Failed, runtime, SystemExit, getRunContext, getRunLogger, WaitTimeoutError } from "bellhop";
const p = (...x: unknown[]) => console.log(...x);
const fetchPage = task({ name: "fetch-page" }, async (url: string, lang: string) => `${url}-${lang}`);
const f = flow({ name: "f" }, async () => {
  const a = fetchPage.map(["a", "b"], "en");
  const r = await a.result();
  const { done } = await wait(a);
  for await (const fu of asCompleted(a)) p("completed", await fu.result());
  return [r, done.length];
});
p(await f());
const rep = task({ name: "rep" }, async (x: string | Error) => x instanceof Error ? "err " + x.message : x);
const bad = task({ name: "bad" }, async (): Promise<string> => { throw new Error("boom"); });
const g = flow({ name: "g" }, async () => rep.submit(allowFailure(bad.submit())).result());
p(await g());
const outside = fetchPage.submit("z", "de");
p("submit outside", await outside.result());
// parameters and stray options
try { task({ name: "x", onCrashed: [] } as never, () => 1); } catch (e) { p((e as Error).message); }
try { flow({ name: "x", onFailure: (() => 1) as never }, () => 1); } catch (e) { p((e as Error).message, (e as any).hint); }
const h = flow({ name: "h", timeoutSeconds: 0.05, retries: 1, onFailure: [(_f, r, s) => p("fail", s.name, r.runCount)] }, async () => { await new Promise((r) => setTimeout(r, 200)); await fetchPage("late", "x").catch((e) => p("late call", e.name, e.message)); });
await h().catch((e) => p(e.name));
await new Promise((r) => setTimeout(r, 300));
// crash
const c = flow({ name: "c", onCrashed: [(_f, _r, s) => p("crashed", s.message)] }, async () => { await task({ name: "cr" }, async () => { throw new SystemExit("bye"); })(); });
try { await c(); } catch (e) { p("caller got", String(e)); }
try { await c.run([], { returnState: true }); } catch (e) { p("returnState too", String(e)); }
const ac = new AbortController();
const ab = flow({ name: "ab" }, async () => { setTimeout(() => ac.abort(new Error("enough")), 50); await new Promise((r) => setTimeout(r, 500)); });
try { await ab.run([], { signal: ac.signal }); } catch (e) { p("aborted", String(e)); }
const two = flow({ name: "two" }, async () => { const x = await fetchPage("a", "b"); const s = await bad.run([], { returnState: true }); return [x, String(s)]; });
p(await two());
const retF = flow({ name: "retF" }, async () => Failed({ message: "no" }));
try { await retF(); } catch (e) { p("retF", String(e)); }
const retT = task({ name: "retT" }, async () => Failed({ message: "no" }));
p("retT", String(await retT()));
const hot = flow({ name: "hot", retries: 1, retryDelaySeconds: 0.1 }, async () => { p("attempt", runtime.flowRun.runCount); if (runtime.flowRun.runCount < 2) throw new Error("x"); });
await hot();
const sync = flow(function syncFlow(a: number, b = 2) { return a + b; });
p(await sync(1), String(sync), await fetchPage.withOptions({ taskRunName: "{arg0}" }).run(["q", "w"]));
p("promise waitFor");
const pw = flow({ name: "pw" }, async () => { await fetchPage.submitWith({ waitFor: [fetchPage("x", "y")] }, "a", "b").result(); });
try { await pw(); } catch (e) { p((e as Error).message); }
