/**
 * Overrides of the runtime context and the run id that a supervisor hands to its child: `BELLHOP__RUNTIME__…` and
 * `BELLHOP__FLOW_RUN_ID`. Read when asked, so that a test may set them.
 */
export function readRuntimeEnv(name: string, env: NodeJS.ProcessEnv = process.env): string | undefined {
  const value = env[name];
  return value === "" ? undefined : value;
}
