// A channel of your own: fields, and how a message becomes one request. Retries, deadlines, redaction, truncation and
// the record are the same as for the built-in ones.
//
//   LAMP_URL=http://lamp.local/api npx node -C bellhop-source examples/own-channel.ts
import { flow, notify } from "bellhop";
import { NotificationBlock, chars, secret, z } from "bellhop/sdk";

class OfficeLamp extends NotificationBlock.define({
  slug: "office-lamp",
  name: "Office Lamp",
  description: "Blinks the lamp in the office.",
  schema: z.object({ url: secret(z.url()), seconds: z.number().min(1).max(60).default(5) }),
  dialect: "text",
  limits: { body: chars(200) },
  profile: "webhook",
  build: ({ config, message }) => ({
    executor: "http",
    method: "POST",
    url: config.url.reveal(),
    body: {
      type: "json",
      value: { colour: message.severity === "error" ? "red" : "green", seconds: config.seconds, text: message.body },
    },
  }),
}) {}

await OfficeLamp.register();
await new OfficeLamp({ url: process.env["LAMP_URL"] ?? "http://127.0.0.1:8080/" }).save("desk", { overwrite: true });

const flickering = flow({ name: "flickering", onFailure: [notify("office-lamp/desk")] }, async () => {
  throw new Error("the build is broken");
});

console.log(String(await flickering.run([], { returnState: true })));
