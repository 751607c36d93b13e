import { SecretBlock } from "../../../blocks/secret.ts";
import { registerSecret } from "../../base/redactor.ts";
import { currentBlockContext } from "../../block/ambient.ts";
import { BlockNotFoundError } from "../../block/errors.ts";

/**
 * A secret by the name it had in Prefect 1: as `Secret.get(name)` finds it, else the environment variable of that name.
 *
 * @throws block_not_found
 */
export async function namedSecret(name: string): Promise<string> {
  const value: unknown = await SecretBlock.get(name).catch((error: unknown) => fromVariable(name, error));
  // What is no text fits no address and no password; whoever takes it says so.
  return typeof value === "string" ? value : JSON.stringify(value);
}

async function fromVariable(name: string, error: unknown): Promise<string> {
  const value = error instanceof BlockNotFoundError ? (await currentBlockContext()).env?.(name) : undefined;
  if (value === undefined || value === "") throw error;
  registerSecret(value);
  return value;
}
