import { Agent, request } from "undici";

/** As many requests at once as fill one connection pool and keep it filled. */
const AT_ONCE = 64;

export interface RawPost {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Milliseconds that bare undici takes for so many posts. */
export async function rawPosts(post: RawPost, count: number, connections: number): Promise<number> {
  const agent = new Agent({ connections, pipelining: 1 });
  try {
    let left = count;
    const worker = async (): Promise<void> => {
      while (left > 0) {
        left -= 1;
        const { statusCode, body } = await request(post.url, {
          dispatcher: agent,
          method: "POST",
          headers: post.headers,
          body: post.body,
        });
        await body.dump();
        if (statusCode !== 200) throw new Error(`the receiver answered ${statusCode}`);
      }
    };
    const begin = performance.now();
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    return performance.now() - begin;
  } finally {
    await agent.close();
  }
}
