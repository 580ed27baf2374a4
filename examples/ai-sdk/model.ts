import { type LanguageModel, simulateReadableStream } from "ai";
import { MockLanguageModelV4 } from "ai/test";

type Chunk =
  Awaited<ReturnType<MockLanguageModelV4["doStream"]>>["stream"] extends ReadableStream<infer C> ? C : never;

const USAGE = {
  inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: 1, text: 1, reasoning: 0 },
};

/** A model that needs no network: it says a sentence word by word, or wants to make a transfer first. */
export function scriptedModel(delayMs: number): LanguageModel {
  return new MockLanguageModelV4({
    async doStream({ prompt }) {
      const text = JSON.stringify(prompt.at(-1));
      const isAnswered = prompt.at(-1)?.role === "tool";
      const sentence = isAnswered ? "Done as you decided." : "The invoices 17 and 18 are still open.";
      const chunks: Chunk[] = /pay/i.test(text) && !isAnswered ? transfer(250) : words(sentence);
      return {
        stream: simulateReadableStream({ chunks, initialDelayInMs: delayMs, chunkDelayInMs: delayMs }),
      };
    },
  });
}

function words(sentence: string): Chunk[] {
  const id = "text";
  return [
    { type: "stream-start", warnings: [] },
    { type: "text-start", id },
    ...sentence.split(/(?<= )/).map((delta): Chunk => ({ type: "text-delta", id, delta })),
    { type: "text-end", id },
    finish("stop"),
  ];
}

function transfer(amount: number): Chunk[] {
  const toolCallId = `transfer-${amount}`;
  const input = JSON.stringify({ amount });
  return [
    { type: "stream-start", warnings: [] },
    { type: "tool-call", toolCallId, toolName: "transfer", input },
    finish("tool-calls"),
  ];
}

function finish(unified: "stop" | "tool-calls"): Chunk {
  return { type: "finish", usage: USAGE, finishReason: { unified, raw: unified } };
}
