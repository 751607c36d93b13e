/** One step of a glob: any run, any one character, or one of a set. */
type Step = "*" | "?" | { readonly characters: string; readonly isNegated: boolean };

/**
 * Case-sensitive glob: `*` any run of characters, `?` one character, `[abc]` and `[!abc]` sets, a leading `!` negates.
 * No regular expression: time is at most pattern length times text length.
 */
export function globMatches(pattern: string, text: string): boolean {
  if (pattern.startsWith("!")) return !globMatches(pattern.slice(1), text);
  const steps = stepsOf(pattern);
  const characters = [...text];
  let step = 0;
  let index = 0;
  let star = -1;
  let resume = 0;
  while (index < characters.length) {
    const current = steps[step];
    if (current === "*") {
      star = step;
      resume = index;
      step += 1;
    } else if (current !== undefined && accepts(current, characters[index] ?? "")) {
      step += 1;
      index += 1;
    } else if (star >= 0) {
      step = star + 1;
      resume += 1;
      index = resume;
    } else {
      return false;
    }
  }
  return steps.slice(step).every((rest) => rest === "*");
}

const accepts = (step: Step, character: string): boolean =>
  step === "?" || (typeof step === "object" && step.characters.includes(character) !== step.isNegated);

function stepsOf(pattern: string): Step[] {
  const characters = [...pattern];
  const steps: Step[] = [];
  for (let index = 0; index < characters.length; index += 1) {
    const character = characters[index] ?? "";
    const end = character === "[" ? characters.indexOf("]", index + 2) : -1;
    if (end > 0) {
      const set = characters.slice(index + 1, end).join("");
      steps.push({ characters: set.replace(/^!/, ""), isNegated: set.startsWith("!") });
      index = end;
    } else {
      steps.push(character === "*" || character === "?" ? character : { characters: character, isNegated: false });
    }
  }
  return steps;
}
