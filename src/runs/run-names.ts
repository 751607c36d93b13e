import type { Random } from "../base/random.ts";

// Chosen to read well in any pair and to be safe to say aloud in any meeting.
const ADJECTIVES =
  "agile amber ancient autumn bold brave breezy bright brisk calm candid careful cedar clever coral cosmic crimson crisp curious dapper daring dawn deft distant dusky eager early earnest electric emerald fabled fair fearless festive fleet fluent fond frosty gentle gilded glad golden graceful grand hardy hazel hearty hidden honest humble indigo ivory jade jolly jovial keen kind lively lucid lunar mellow merry mighty misty modest mossy nimble noble northern opal patient placid polished polite proud quick quiet radiant rapid ready regal rosy royal rustic sage sandy scarlet serene sharp silent silver sincere sleek snowy solar solid spirited spry steady stellar sturdy sunny swift tidy tranquil trusty upbeat valiant velvet vivid warm western wise witty zesty".split(
    " ",
  );
const NOUNS =
  "acorn albatross alpaca anchor antelope aspen aurora badger bamboo bay beacon beaver birch bison bluebird boulder brook buffalo canyon caribou cascade cedar cheetah chestnut cliff cloud clover comet condor coral cormorant cove coyote crane creek cricket curlew cypress delta dingo dolphin dove dragonfly dune eagle egret elk ember falcon fern finch fjord forest fox gazelle gecko geyser glacier glade grouse grove gull harbor hare hawk hazel heath heron hill ibex ibis iguana island jackal jaguar jay juniper kestrel kingfisher kite koala lagoon lake lark lemur leopard lichen lynx magpie mango maple marmot marsh marten meadow mesa mole moose moss narwhal newt oak ocelot orca oriole osprey otter owl panda panther pebble pelican penguin petrel pine plateau plover pond poplar puffin quail rabbit raven reef ridge river robin sable salmon seal sequoia shore sparrow spring spruce starling stork stream swallow swan tapir tern thicket thrush tiger toucan trout tundra turtle valley vole walrus willow wolf wombat woodpecker wren yak zebra".split(
    " ",
  );

const pick = (words: readonly string[], random: Random): string => words[Math.floor(random() * words.length)] ?? "";

/** Two words, such as `brisk-otter`. Not unique; ids are. */
export const flowRunName = (random: Random): string => `${pick(ADJECTIVES, random)}-${pick(NOUNS, random)}`;

const SUFFIXES = 0x1000;

/** `<task>-<3 hex digits>`. */
export const taskRunName = (task: string, random: Random): string =>
  `${task}-${Math.floor(random() * SUFFIXES)
    .toString(16)
    .padStart(3, "0")}`;
