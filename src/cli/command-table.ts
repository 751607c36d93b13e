import type { CommandSpec } from "./command.ts";

/** A command as the list of commands shows it; `load` brings in its file, and nothing else does. */
export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  readonly load: () => Promise<CommandSpec>;
}

export interface CommandGroup {
  /** Singular; the plural is the alias. */
  readonly name: string;
  readonly alias: string;
  readonly summary: string;
  readonly commands: readonly (CommandEntry | CommandGroup)[];
}

export interface CommandSection {
  readonly title: string;
  readonly commands: readonly (CommandEntry | CommandGroup)[];
}

export const isGroup = (entry: CommandEntry | CommandGroup): entry is CommandGroup => "commands" in entry;

const block: CommandGroup = {
  name: "block",
  alias: "blocks",
  summary: "saved channels, credentials and values",
  commands: [
    {
      name: "save",
      summary: "save a block, or replace one",
      load: async () => (await import("./commands/block-save.ts")).blockSave,
    },
    {
      name: "ls",
      summary: "list saved blocks, secrets masked",
      load: async () => (await import("./commands/block-ls.ts")).blockLs,
    },
    {
      name: "inspect",
      summary: "show one block, secrets masked",
      load: async () => (await import("./commands/block-inspect.ts")).blockInspect,
    },
    {
      name: "test",
      summary: "send a marked test message and show the answer",
      load: async () => (await import("./commands/block-test.ts")).blockTest,
    },
    {
      name: "delete",
      summary: "delete a block",
      load: async () => (await import("./commands/block-delete.ts")).blockDelete,
    },
    {
      name: "type",
      alias: "types",
      summary: "kinds of blocks",
      commands: [
        {
          name: "ls",
          summary: "list block types",
          load: async () => (await import("./commands/block-type-ls.ts")).blockTypeLs,
        },
        {
          name: "inspect",
          summary: "show the fields of a block type",
          load: async () => (await import("./commands/block-type-inspect.ts")).blockTypeInspect,
        },
      ],
    },
  ],
};

const run: CommandGroup = {
  name: "run",
  alias: "runs",
  summary: "flow runs and their states",
  commands: [
    {
      name: "ls",
      summary: "list flow runs, newest first",
      load: async () => (await import("./commands/run-ls.ts")).runLs,
    },
    {
      name: "inspect",
      summary: "states, tasks, hooks and deliveries of a run",
      load: async () => (await import("./commands/run-inspect.ts")).runInspect,
    },
    {
      name: "logs",
      summary: "what a run logged, and what happened in it",
      load: async () => (await import("./commands/run-logs.ts")).runLogs,
    },
    {
      name: "cancel",
      summary: "ask for the end of a run",
      load: async () => (await import("./commands/run-cancel.ts")).runCancel,
    },
    {
      name: "resume",
      summary: "let a paused run go on, with the input it asks for",
      load: async () => (await import("./commands/run-resume.ts")).runResume,
    },
  ],
};

const delivery: CommandGroup = {
  name: "delivery",
  alias: "deliveries",
  summary: "messages and what became of them",
  commands: [
    {
      name: "ls",
      summary: "list deliveries, newest first",
      load: async () => (await import("./commands/delivery-ls.ts")).deliveryLs,
    },
    {
      name: "inspect",
      summary: "attempts and answers of a delivery",
      load: async () => (await import("./commands/delivery-inspect.ts")).deliveryInspect,
    },
    {
      name: "stats",
      summary: "how each destination fares",
      load: async () => (await import("./commands/delivery-stats.ts")).deliveryStats,
    },
    {
      name: "replay",
      summary: "send again what was given up or not sent",
      load: async () => (await import("./commands/delivery-replay.ts")).deliveryReplay,
    },
    {
      name: "cancel",
      summary: "end queued deliveries without sending them",
      load: async () => (await import("./commands/delivery-cancel.ts")).deliveryCancel,
    },
  ],
};

const template: CommandGroup = {
  name: "template",
  alias: "templates",
  summary: "message templates",
  commands: [
    {
      name: "ls",
      summary: "list templates and their variants",
      load: async () => (await import("./commands/template-ls.ts")).templateLs,
    },
    {
      name: "preview",
      summary: "render a template with example data",
      load: async () => (await import("./commands/template-preview.ts")).templatePreview,
    },
    {
      name: "check",
      summary: "validate the project's templates",
      load: async () => (await import("./commands/template-check.ts")).templateCheck,
    },
  ],
};

const inbox: CommandGroup = {
  name: "inbox",
  alias: "inboxes",
  summary: "messages kept by inbox blocks",
  commands: [
    {
      name: "ls",
      summary: "list messages, newest first",
      load: async () => (await import("./commands/inbox-ls.ts")).inboxLs,
    },
    {
      name: "clear",
      summary: "delete messages",
      load: async () => (await import("./commands/inbox-clear.ts")).inboxClear,
    },
  ],
};

/** Every command, in the order in which the help lists them. */
export const COMMANDS: readonly CommandSection[] = [
  {
    title: "Start:",
    commands: [
      {
        name: "demo",
        summary: "watch a failing flow tell Slack and mail; no account needed",
        load: async () => (await import("./commands/demo.ts")).demo,
      },
      {
        name: "notify",
        summary: "send one message now",
        load: async () => (await import("./commands/notify.ts")).notify,
      },
      {
        name: "exec",
        summary: "run any program as a flow run; for cron",
        load: async () => (await import("./commands/exec.ts")).exec,
      },
    ],
  },
  { title: "Set up:", commands: [block, template] },
  {
    title: "Look:",
    commands: [
      run,
      delivery,
      inbox,
      {
        name: "explain",
        summary: "who was told of a run, and if not, why",
        load: async () => (await import("./commands/explain.ts")).explain,
      },
    ],
  },
  {
    title: "Operate:",
    commands: [
      {
        name: "doctor",
        summary: "check this installation",
        load: async () => (await import("./commands/doctor.ts")).doctor,
      },
      {
        name: "sweep",
        summary: "finish what dead processes left; for cron",
        load: async () => (await import("./commands/sweep.ts")).sweep,
      },
      {
        name: "prove",
        summary: "kill processes on purpose and count what is lost",
        load: async () => (await import("./commands/prove.ts")).prove,
      },
    ],
  },
];
