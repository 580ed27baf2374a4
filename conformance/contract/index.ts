import { driverDataSentences } from "./driver-data-sentences.js";
import { driverSentences } from "./driver-sentences.js";
import { errorSentences } from "./error-sentences.js";
import { operationSentences } from "./operation-sentences.js";
import { optionSentences } from "./option-sentences.js";
import { recordSentences } from "./record-sentences.js";
import type { Sentences } from "./sentences.js";
import { storeSentences } from "./store-sentences.js";

export type { Sentences, Shown } from "./sentences.js";

/** Every sentence of the contract of a store, with the cases that show it, by what the sentences are about. */
export const contractSentences: Readonly<Record<string, Sentences>> = {
  "All operations": storeSentences,
  "Each operation": operationSentences,
  "Options, limits and status": optionSentences,
  "Identities, records and receipts": recordSentences,
  Drivers: driverSentences,
  "What drivers are given and return": driverDataSentences,
  "Errors, and what is handed to a store": errorSentences,
};
