import { AbstractChat, type ChatState, DefaultChatTransport, type UIMessage } from "ai";

/** What `useChat` does, without React: the SDK's own chat and transport. */
export class BrowserChat extends AbstractChat<UIMessage> {
  readonly #state: ChatState<UIMessage>;

  /** `onText` is called with the text that a response has so far. */
  constructor(
    server: string,
    options: {
      readonly id: string;
      readonly messages?: UIMessage[];
      readonly fetch?: typeof fetch;
      readonly onText?: (text: string) => void;
    },
  ) {
    const { onText, fetch: ownFetch, ...given } = options;
    const state: ChatState<UIMessage> = {
      status: "ready",
      error: undefined,
      messages: given.messages ?? [],
      pushMessage: (message) => void state.messages.push(message),
      popMessage: () => void state.messages.pop(),
      replaceMessage(index, message) {
        state.messages[index] = message;
        onText?.(textOf(message));
      },
      snapshot: structuredClone,
    };
    super({
      ...given,
      state,
      transport: new DefaultChatTransport({
        api: `${server}/api/chat`,
        ...(ownFetch && { fetch: ownFetch }),
        prepareSendMessagesRequest: ({ id, messages }) => ({ body: { id, message: messages.at(-1) } }),
      }),
    });
    this.#state = state;
  }

  /** The text of the last message. */
  get text(): string {
    const last = this.#state.messages.at(-1);
    return last === undefined ? "" : textOf(last);
  }
}

function textOf({ parts }: UIMessage): string {
  return parts.map((part) => (part.type === "text" ? part.text : "")).join("");
}
