import { Block, type JsonValue, secret, secretFromEnvironment, z } from "../src/sdk.ts";

/** A secret value: text, or any JSON. It keeps its type, white space included. */
export class SecretBlock extends Block.define({
  slug: "secret",
  name: "Secret",
  description: "A secret value, sealed in the store.",
  codeExample: 'import { Secret } from "bellhop";\n\nconst token = await Secret.get("MY_TOKEN");',
  schema: z.object({ value: secret(z.json()).meta({ description: "The secret." }) }).meta({ title: "Secret" }),
}) {
  /**
   * The value as it was saved: `"12345"` stays text.
   *
   * @param options With `json: true` a text that holds JSON is parsed.
   */
  get(options: { readonly json?: boolean } = {}): JsonValue {
    const value = this.value.reveal();
    return options.json === true && typeof value === "string" ? parsed(value) : value;
  }

  /**
   * Finds a secret by the name it had in Prefect 1: in the environment as `BELLHOP_SECRET__<NAME>` or
   * `PREFECT__CONTEXT__SECRETS__<NAME>`, else saved under `secret/<name>`, lower case with dashes.
   *
   * @throws block_not_found
   */
  static async get<T extends JsonValue = string>(name: string): Promise<T> {
    const given = await secretFromEnvironment(name);
    const value = given ?? (await SecretBlock.load(name.toLowerCase().replaceAll("_", "-"))).get();
    // The caller says what was saved, as with any stored JSON.
    return value as T;
  }
}

/** JSON where the text is JSON, else the text. */
function parsed(text: string): JsonValue {
  try {
    // Whatever JSON.parse gives is a JSON value.
    return JSON.parse(text) as JsonValue;
  } catch {
    // A SyntaxError: ordinary text.
    return text;
  }
}

declare module "../src/block/reference.ts" {
  interface BlockTypes {
    secret: SecretBlock;
  }
}
