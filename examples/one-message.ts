// One message, now. Rejects with a coded error when the provider does not accept it.
//
//   npm run bellhop -- block save inbox/dev
//   npx node -C bellhop-source examples/one-message.ts inbox/dev
import { Block } from "bellhop";

const ref = process.argv[2] ?? "slack-webhook/ops";

const receipt = await Block.load(ref).notify("Backup done: 48 tables, 3.2 GB.", "Backup");
console.log(`accepted in ${Math.round(receipt.durationMs)} ms, delivery ${receipt.deliveryId}`);
