/**
 * The markup a channel understands. Values are escaped for it where they are printed; template authors never escape.
 * - `text`: plain text.
 * - `slack-mrkdwn`: Slack's own markup; `slack-json`: Block Kit whose strings are mrkdwn.
 * - `html`: HTML (mail bodies); `markdown`: CommonMark.
 * - `json`: any provider's JSON. `header`: one line, no line breaks (mail subjects, HTTP headers).
 */
export type Dialect = "text" | "slack-mrkdwn" | "slack-json" | "html" | "markdown" | "json" | "header";
