/** These belong to the connection, or tell the receiver where a request came from. */
const RESERVED =
  /^(host|content-length|transfer-encoding|connection|keep-alive|upgrade|te|trailer|expect|date|via|forwarded|content-encoding|accept-encoding|x-real-ip|proxy-.*|x-forwarded-.*)$/i;
/** Source: RFC 9110, section 5.6.2, token. */
const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** Whether a user may set a header of this name. */
export const isSettableHeader = (name: string): boolean => NAME.test(name) && !RESERVED.test(name);

/** Text as a header value: one line of ASCII; control characters become a space, other characters are percent-encoded. */
export function headerValue(text: string): string {
  // oxlint-disable-next-line no-control-regex -- a line end would start another header
  const line = text.replaceAll(/[\u0000-\u001f\u007f]+/g, " ").trim();
  return /^[\x20-\x7e]*$/.test(line) ? line : encodeURI(line.toWellFormed());
}
