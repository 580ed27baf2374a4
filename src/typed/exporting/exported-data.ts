import type { CallOptions, Identity } from "../../contract/store.js";

/** Data of one sort, as far as a user gets a copy of it. `exportUser` goes over all sorts that it knows. */
export interface ExportedData {
  /**
   * Yields what is stored under an identity, which is the user's own or that of one of its sessions: for each item a text in
   * JSON without line breaks. What is removed meanwhile is left out. What is damaged is passed over, and the first damage is
   * thrown as CORRUPT in the end.
   */
  exportOf?(owner: Identity, options: CallOptions): AsyncIterable<string>;
  /**
   * The kinds of the records that `exportOf` stands for. One that ends with a slash or a dot stands for all kinds that begin with
   * it. Records of all other kinds are exported as they are stored.
   */
  readonly exportedKinds?: readonly string[];
}
