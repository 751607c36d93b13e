// The public surface of `bellhop`. Every name is written out; test/public-api.test.ts pins the list.
export { BellhopError } from "./base/errors.ts";
export type { ErrorCode } from "./base/error-table.ts";
export { MASK, SecretValue } from "./base/secret.ts";
export { VERSION } from "./base/version.ts";

export { flow } from "./flow.ts";
export type { Flow, FlowHandlers, FlowHooks, FlowOptions } from "./flow.ts";
export { task } from "./task.ts";
export type { Task, TaskHandlers, TaskHooks, TaskOptions } from "./task.ts";
export { cancelFlowRun, resumeFlowRun, suspendFlowRun } from "./run-control.ts";
export { pauseFlowRun } from "./engine/pause.ts";
export type { PauseOptions, SuspendOptions } from "./engine/pause.ts";
export type { ResumeOptions } from "./engine/resume.ts";
export { FlowPauseTimeout, NotPausedError, Pause, ResumeRefusedError, RunInputError } from "./engine/pause-errors.ts";
export type { AnyFlow, AnyTask, CallOptions, RunOptions } from "./engine/definition.ts";
export type {
  FlowRetryConditionFn,
  RetryConditionFn,
  StateHandler,
  TerminalStateHandler,
} from "./engine/definition.ts";
export { allowFailure, unmapped } from "./engine/annotations.ts";
export { asCompleted, Future, wait, WaitTimeoutError } from "./engine/future.ts";
export type { FutureList } from "./engine/future-list.ts";
export { MappingLengthMismatch, MappingMissingIterable } from "./engine/map.ts";
export { UpstreamTaskError } from "./engine/upstream.ts";
export { SystemExit, TerminationError } from "./engine/interruption.ts";
export type { RetryDelay } from "./engine/options.ts";
export { Abort } from "./engine/leaving.ts";
export { ParameterTypeError } from "./engine/run-flow.ts";
export { getRunContext, MissingContextError } from "./engine/run-context.ts";
export { flowRunLogger, getRunLogger, taskRunLogger } from "./engine/run-logger.ts";
export type { RunLogger } from "./engine/run-logger.ts";
export { runtime } from "./engine/runtime.ts";
export { tags } from "./engine/tags.ts";
export type { FlowRun, TaskRun } from "./runs/run-view.ts";

export { exponentialBackoff } from "./orchestration/retry.ts";
export {
  cachePolicy,
  DEFAULT,
  FLOW_PARAMETERS,
  INPUTS,
  NO_CACHE,
  RUN_ID,
  TASK_SOURCE,
} from "./results/cache-policies.ts";
export type { CacheContext, CacheKeyFn, CachePolicy, ResultStorage, Serializer } from "./results/options.ts";
export { getTransaction, transaction } from "./transactions/run-transaction.ts";
export type {
  CommitMode,
  IsolationLevel,
  Transaction,
  TransactionHook,
  TransactionOptions,
} from "./transactions/transaction.ts";

export { callbackFactory } from "./hooks/callback-factory.ts";
export { emailNotifier } from "./hooks/ready/email-notifier.ts";
export { slackNotifier } from "./hooks/ready/slack-notifier.ts";
export { isSignal, signalFromState, signals } from "./states/signals.ts";

export { bindHook } from "./hooks/bind-hook.ts";
export { notify } from "./hooks/notify.ts";
export type { NotifyHook, NotifyOptions } from "./hooks/notify.ts";
export type { FlowHook, FlowStateHook, TaskHook, TaskStateHook } from "./hooks/hook.ts";

export { isState, State } from "./states/state.ts";
export type { StateWire } from "./states/state.ts";
export { StateType } from "./states/state-type.ts";
export { raiseStateError, stateError } from "./states/state-error.ts";
export {
  AwaitingConcurrencySlot,
  AwaitingRetry,
  Cancelled,
  Cancelling,
  Completed,
  Crashed,
  Failed,
  InfrastructurePending,
  Late,
  Paused,
  Pending,
  Retrying,
  Running,
  Scheduled,
  state,
  Submitting,
  Suspended,
} from "./states/constructors.ts";
export {
  CancelledRun,
  CrashedRun,
  FailedRun,
  MissingResult,
  PausedRun,
  TimeoutError,
  UnfinishedRun,
} from "./states/run-errors.ts";

export { Block } from "./block/block.ts";
export type { BlockOf, Notifier } from "./block/block.ts";
export type { BlockPromise } from "./block/block-promise.ts";
export type { BlockRef, BlockTypes } from "./block/reference.ts";
export type { BlockSummary } from "./block/list-blocks.ts";
export type { NotifyMessage } from "./block/notify-message.ts";
export type { Receipt } from "./block/receipt.ts";
export { NotificationBlock } from "./block/notification.ts";
export { blockField } from "./block/nested-block.ts";
export { secret, secretBytes, secretDict } from "./block/secret-field.ts";
export {
  BlockAlreadyExistsError,
  BlockError,
  BlockInUseError,
  BlockKeyUnavailableError,
  BlockNameRequiredError,
  BlockNotFoundError,
  BlockNotSavedError,
  BlockReferenceCycleError,
  BlockReferenceDepthError,
  BlockRevisionConflictError,
  BlockTamperedError,
  BlockTooLargeError,
  BlockTypeNotFoundError,
  BlockValidationError,
  DeliveryFailedError,
  InvalidBlockNameError,
  InvalidBlockReferenceError,
  InvalidBlockRegistrationError,
  InvalidEncryptionKeyError,
  InvalidPayloadError,
  KeychainUnavailableError,
  MaskedValueError,
  MissingReferenceError,
  ProtectedBlockTypeError,
  ReservedNameError,
  UnknownBlockTypeError,
} from "./block/errors.ts";

export { CustomWebhook } from "../blocks/custom-webhook.ts";
export { DateTimeBlock } from "../blocks/date-time.ts";
export { EmailServerCredentials } from "../blocks/email-server-credentials.ts";
export { EmailSmtp } from "../blocks/email-smtp.ts";
export { Inbox } from "../blocks/inbox.ts";
export { JsonBlock } from "../blocks/json.ts";
export { SecretBlock, SecretBlock as Secret } from "../blocks/secret.ts";
export { SlackWebhook } from "../blocks/slack-webhook.ts";
export { StringBlock } from "../blocks/string.ts";

export { closeDefaultHub, openHub, settings, withHub } from "./hub.ts";
export type { Hub } from "./hub.ts";
export { loadConfig } from "./config/load.ts";
export type { Config } from "./config/config.ts";
