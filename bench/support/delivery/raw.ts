import { Agent, request } from "undici";

/** Requests at once, and connections: as many as one destination's host gets. More are not quicker. */
const AT_ONCE = 64;

export interface RawPost {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** One bare request; its answer is read. */
export async function rawRequest(post: RawPost, agent: Agent): Promise<void> {
  const { url, headers, body: text } = post;
  const { statusCode, body } = await request(url, { dispatcher: agent, method: "POST", headers, body: text });
  await body.dump();
  if (statusCode !== 200) throw new Error(`the receiver answered ${statusCode}`);
}

/** Milliseconds that bare undici takes for so many posts. */
export async function rawPosts(post: RawPost, count: number): Promise<number> {
  const agent = new Agent({ connections: AT_ONCE, pipelining: 1 });
  try {
    let left = count;
    const worker = async (): Promise<void> => {
      while (left > 0) {
        left -= 1;
        await rawRequest(post, agent);
      }
    };
    const begin = performance.now();
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    return performance.now() - begin;
  } finally {
    await agent.close();
  }
}
