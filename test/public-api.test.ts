import { describe, expect, it } from "vitest";
import packageJson from "../package.json" with { type: "json" };
import * as hub from "../src/hub.ts";
import * as api from "../src/index.ts";
import * as sdk from "../src/sdk.ts";
import * as testing from "../src/testing.ts";

const names = (module: object): string => Object.keys(module).toSorted().join(" ");

describe("public names", () => {
  it("are pinned for bellhop", () => {
    expect(names(api)).toMatchInlineSnapshot(
      `"Abort AwaitingConcurrencySlot AwaitingRetry BellhopError Block BlockAlreadyExistsError BlockError BlockInUseError BlockKeyUnavailableError BlockNameRequiredError BlockNotFoundError BlockNotSavedError BlockReferenceCycleError BlockReferenceDepthError BlockRevisionConflictError BlockTamperedError BlockTooLargeError BlockTypeNotFoundError BlockValidationError Cancelled CancelledRun Cancelling Completed Crashed CrashedRun CustomWebhook DEFAULT DateTimeBlock DeliveryFailedError EmailServerCredentials EmailSmtp FLOW_PARAMETERS Failed FailedRun FlowPauseTimeout Future INPUTS Inbox InfrastructurePending InvalidBlockNameError InvalidBlockReferenceError InvalidBlockRegistrationError InvalidEncryptionKeyError InvalidPayloadError JsonBlock KeychainUnavailableError Late MASK MappingLengthMismatch MappingMissingIterable MaskedValueError MissingContextError MissingReferenceError MissingResult NO_CACHE NotPausedError NotificationBlock ParameterTypeError Pause Paused PausedRun Pending ProtectedBlockTypeError RUN_ID ReservedNameError ResumeRefusedError Retrying RunInputError Running Scheduled Secret SecretBlock SecretValue SlackWebhook State StateType StringBlock Submitting Suspended SystemExit TASK_SOURCE TerminationError TimeoutError UnfinishedRun UnknownBlockTypeError UpstreamTaskError VERSION WaitTimeoutError allowFailure asCompleted bindHook blockField cachePolicy callbackFactory cancelFlowRun closeDefaultHub emailNotifier exponentialBackoff flow flowRunLogger getRunContext getRunLogger getTransaction isSignal isState loadConfig notify openHub pauseFlowRun raiseStateError resumeFlowRun runtime secret secretBytes secretDict settings signalFromState signals slackNotifier state stateError suspendFlowRun tags task taskRunLogger transaction unmapped wait withHub"`,
    );
  });

  it("are pinned for bellhop/sdk", () => {
    expect(names(sdk)).toMatchInlineSnapshot(
      `"BellhopError Block MASK NotificationBlock SEVERITY_LOOK SecretValue blockField bytes chars dateField deliveryFields escapeSlack fillDeep fillText fit headerValue isSettableHeader isWebUrl placeholdersIn redactUrl secret secretBytes secretDict secretFromEnvironment slackBlocks slackText z"`,
    );
  });

  it("are pinned for bellhop/hub and bellhop/testing", () => {
    expect(names(hub)).toMatchInlineSnapshot(`"closeDefaultHub currentHub openCore openHub settings withHub"`);
    expect(names(testing)).toMatchInlineSnapshot(`"channelCases createRecorder fullMessage memoryInbox startInbox"`);
  });

  it("give the version of the package", () => {
    expect(api.VERSION).toBe(packageJson.version);
  });

  it("let every error of a block be told by its class", () => {
    const error = new api.BlockNotFoundError({ ref: "string/x" });

    expect(error).toBeInstanceOf(api.BlockError);
    expect(error).toBeInstanceOf(api.BellhopError);
    expect(error.name).toBe("BlockNotFoundError");
  });
});
