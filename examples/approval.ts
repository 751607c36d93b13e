// A flow that waits for a person. It pauses, asks for an answer of a given form, and goes on when somebody gives it from
// another process; after ten minutes without one it fails, and a channel could be told.
//
//   npx node -C bellhop-source examples/approval.ts                      waits, and says what to type elsewhere
//   npx node -C bellhop-source examples/approval.ts <run id> yes Ada     answers
//   npm run bellhop -- run resume <run id> --input '{"approved":true}'   answers as well
import { flow, pauseFlowRun, resumeFlowRun, runtime, task } from "bellhop";
import { z } from "zod";

const [runId, answer, by] = process.argv.slice(2);

const Approval = z.object({
  approved: z.boolean(),
  by: z.string().default("somebody"),
});

const deploy = task({ name: "deploy" }, async (version: string) => `deployed ${version}`);

const release = flow({ name: "release" }, async (version: string) => {
  console.log(`shall ${version} be deployed? examples/approval.ts ${runtime.flowRun.id} yes|no [your name]`);
  const approval = await pauseFlowRun({ waitForInput: Approval, timeout: 600 });
  console.log(`${approval.by} said ${approval.approved ? "yes" : "no"}`);
  return approval.approved ? deploy(version) : "left alone";
});

if (runId === undefined) console.log(await release("1.4.0"));
else console.log(String(await resumeFlowRun(runId, { runInput: { approved: answer === "yes", by } })));
