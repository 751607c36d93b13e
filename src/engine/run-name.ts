import { redact } from "../base/redactor.ts";
import { CodedTypeError } from "../states/coded-type-error.ts";
import { typeName } from "../states/state-error.ts";
import { isPlain } from "../runs/stored-parameters.ts";

type Parameters = Readonly<Record<string, unknown>>;

/** A single object gives the names by its keys; any other list of arguments is `arg0`, `arg1`, … */
export function namedParameters(args: readonly unknown[]): Parameters {
  const [only] = args;
  if (args.length === 1 && isPlain(only)) return only;
  return Object.fromEntries(args.map((value, index) => [`arg${index}`, value]));
}

const FIELD = /\{\s*([\w$]+(?:\.[\w$]+)*)\s*\}/g;

/** `hi-{foo}` with the parameters filled in. @throws invalid_definition for a name that is no parameter */
export function fillName(option: string, template: string, parameters: Parameters): string {
  const filled = template.replace(FIELD, (_, path: string) => {
    const [first = "", ...rest] = path.split(".");
    if (!Object.hasOwn(parameters, first)) {
      const known = Object.keys(parameters).join(", ") || "none";
      throw new CodedTypeError("invalid_definition", {
        option,
        problem: `{${first}} is not a parameter (there are: ${known})`,
      });
    }
    const value = rest.reduce<unknown>((at, key) => (isPlain(at) ? at[key] : undefined), parameters[first]);
    return String(value);
  });
  return redact(filled);
}

/** The name that a function returned. @throws invalid_definition when it is not a text */
export function checkName(option: string, name: unknown): string {
  if (typeof name === "string") return redact(name);
  throw new CodedTypeError("invalid_definition", {
    option,
    problem: `the function must return a string, it returned ${typeName(name)}`,
  });
}
