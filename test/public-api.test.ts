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
      `"Abort AwaitingConcurrencySlot AwaitingRetry BellhopError Block BlockAlreadyExistsError BlockError BlockInUseError BlockKeyUnavailableError BlockNameRequiredError BlockNotFoundError BlockNotSavedError BlockReferenceCycleError BlockReferenceDepthError BlockRevisionConflictError BlockTamperedError BlockTooLargeError BlockTypeNotFoundError BlockValidationError Cancelled CancelledRun Cancelling Completed Crashed CrashedRun CustomWebhook DateTimeBlock DeliveryFailedError EmailServerCredentials EmailSmtp Failed FailedRun Inbox InfrastructurePending InvalidBlockNameError InvalidBlockReferenceError InvalidBlockRegistrationError InvalidEncryptionKeyError InvalidPayloadError JsonBlock KeychainUnavailableError Late MASK MaskedValueError MissingContextError MissingReferenceError MissingResult NotificationBlock ParameterTypeError Paused PausedRun Pending ProtectedBlockTypeError ReservedNameError Retrying Running Scheduled Secret SecretBlock SecretValue SlackWebhook State StateType StringBlock Submitting Suspended SystemExit TerminationError TimeoutError UnfinishedRun UnknownBlockTypeError VERSION bindHook blockField closeDefaultHub flow getRunContext isState loadConfig notify openHub raiseStateError runtime secret secretBytes secretDict settings state stateError tags task withHub"`,
    );
  });

  it("are pinned for bellhop/sdk", () => {
    expect(names(sdk)).toMatchInlineSnapshot(
      `"BellhopError Block MASK NotificationBlock SEVERITY_LOOK SecretValue blockField bytes chars dateField escapeSlack fillDeep fillText fit headerValue isSettableHeader isWebUrl placeholdersIn redactUrl secret secretBytes secretDict secretFromEnvironment slackBlocks slackText z"`,
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
