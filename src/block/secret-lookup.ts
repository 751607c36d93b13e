import { registerSecret } from "../base/redactor.ts";
import { currentBlockContext } from "./ambient.ts";

/**
 * A secret that the environment gives by name, before any saved one: `BELLHOP_SECRET__<NAME>`, then
 * `PREFECT__CONTEXT__SECRETS__<NAME>`, the form that flows written for Prefect 1 rely on.
 */
export async function secretFromEnvironment(name: string): Promise<string | undefined> {
  const { env } = await currentBlockContext();
  const value = env?.(`BELLHOP_SECRET__${name}`) ?? env?.(`PREFECT__CONTEXT__SECRETS__${name}`);
  if (value !== undefined) registerSecret(value);
  return value;
}
