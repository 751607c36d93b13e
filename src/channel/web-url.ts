/** True for a complete http or https address without white space and without a user name in front of the host. */
export function isWebUrl(text: string): boolean {
  if (/\s/.test(text) || !URL.canParse(text)) return false;
  const { protocol, username } = new URL(text);
  return (protocol === "https:" || protocol === "http:") && username === "";
}
