import { invalid } from "../contract/errors.js";
import { readInteger, readObject, readOneOf } from "../validation/validate.js";
import type { Quantities } from "./quantity.js";
import type { TokenCounts } from "./usage.js";

/** The APIs whose usage objects `usageFrom` reads. */
export const USAGE_APIS = [
  "openai-chat",
  "openai-responses",
  "anthropic",
  "gemini",
  "bedrock",
  "mistral",
  "ai-sdk",
] as const;

/** An API whose usage objects `usageFrom` reads. */
export type UsageApi = (typeof USAGE_APIS)[number];

/** The usage of a call as an entry takes it. */
export interface CallUsage extends TokenCounts {
  /**
   * Parts of the four counts that have a price of their own, such as `reasoningTokens`, and what is no token, such as
   * `webSearches`. Absent where there is nothing.
   */
  readonly units?: Quantities;
}

/**
 * Turns the usage object of a provider's answer into counts for `record`, none of which includes another. Providers differ
 * in whether cached tokens are part of the prompt, and thoughts part of the answer: here they never count twice. What is
 * part of a count, such as reasoning within the completion, comes as a unit beside it. A usage that contradicts itself, or
 * is missing, is INVALID_RECORD.
 *
 * @example
 * ```ts
 * import { usageFrom } from "groundstate/ledger";
 *
 * const usage = { prompt_tokens: 1_000, completion_tokens: 50, prompt_tokens_details: { cached_tokens: 800 } };
 * console.log(usageFrom("openai-chat", usage).promptTokens); // 200
 * ```
 */
export function usageFrom(api: UsageApi, usage: object): CallUsage {
  const read = READERS[readOneOf(api, "api", USAGE_APIS)];
  const { units, ...counts } = read(countsIn(usage));
  const used = Object.entries(units).filter(([, quantity]) => quantity > 0);
  return { ...counts, ...(used.length === 0 ? {} : { units: Object.fromEntries(used) }) };
}

/** Reads a count by its path in the usage object; one that is missing or `null` is 0. */
type Count = (...path: readonly string[]) => number;

type ReadUsage = TokenCounts & { readonly units: Record<string, number> };

/** The cached tokens are part of the prompt, and the reasoning tokens part of the completion. */
const openai =
  (prompt: string, completion: string, promptDetails: string, completionDetails: string) =>
  (count: Count): ReadUsage => {
    const read = count(promptDetails, "cached_tokens");
    const written = count(promptDetails, "cache_write_tokens");
    return {
      promptTokens: without(count(prompt), read + written, prompt),
      completionTokens: count(completion),
      cachedReadTokens: read,
      cachedWriteTokens: written,
      units: {
        reasoningTokens: count(completionDetails, "reasoning_tokens"),
        audioInputTokens: count(promptDetails, "audio_tokens"),
        audioOutputTokens: count(completionDetails, "audio_tokens"),
      },
    };
  };

const READERS: Readonly<Record<UsageApi, (count: Count) => ReadUsage>> = {
  "openai-chat": openai(
    "prompt_tokens",
    "completion_tokens",
    "prompt_tokens_details",
    "completion_tokens_details",
  ),
  "openai-responses": openai(
    "input_tokens",
    "output_tokens",
    "input_tokens_details",
    "output_tokens_details",
  ),
  /** The cached tokens are not part of the input. */
  anthropic: (count) => ({
    promptTokens: count("input_tokens"),
    completionTokens: count("output_tokens"),
    cachedReadTokens: count("cache_read_input_tokens"),
    cachedWriteTokens: count("cache_creation_input_tokens"),
    units: {
      cacheWrite1hTokens: count("cache_creation", "ephemeral_1h_input_tokens"),
      webSearches: count("server_tool_use", "web_search_requests"),
    },
  }),
  /** The cached tokens are part of the prompt; the thoughts are not part of the candidates, nor tool results of the prompt. */
  gemini: (count) => {
    const cached = count("cachedContentTokenCount");
    const thoughts = count("thoughtsTokenCount");
    return {
      promptTokens:
        without(count("promptTokenCount"), cached, "promptTokenCount") + count("toolUsePromptTokenCount"),
      completionTokens: count("candidatesTokenCount") + thoughts,
      cachedReadTokens: cached,
      cachedWriteTokens: 0,
      units: { reasoningTokens: thoughts, toolPromptTokens: count("toolUsePromptTokenCount") },
    };
  },
  /** Of the Converse API. The cached tokens are not part of the input. */
  bedrock: (count) => ({
    promptTokens: count("inputTokens"),
    completionTokens: count("outputTokens"),
    cachedReadTokens: count("cacheReadInputTokens"),
    cachedWriteTokens: count("cacheWriteInputTokens"),
    units: {},
  }),
  mistral: (count) => {
    const cached = count("prompt_tokens_details", "cached_tokens") || count("num_cached_tokens");
    return {
      promptTokens: without(count("prompt_tokens"), cached, "prompt_tokens"),
      completionTokens: count("completion_tokens"),
      cachedReadTokens: cached,
      cachedWriteTokens: 0,
      units: { audioSeconds: count("prompt_audio_seconds") },
    };
  },
  /** The cached tokens are part of the input. Version 5 names the tokens that were read, and has no details. */
  "ai-sdk": (count) => {
    const read = count("inputTokenDetails", "cacheReadTokens") || count("cachedInputTokens");
    const written = count("inputTokenDetails", "cacheWriteTokens");
    const reasoning = count("outputTokenDetails", "reasoningTokens") || count("reasoningTokens");
    return {
      promptTokens: without(count("inputTokens"), read + written, "inputTokens"),
      completionTokens: count("outputTokens"),
      cachedReadTokens: read,
      cachedWriteTokens: written,
      units: { reasoningTokens: reasoning },
    };
  },
};

function countsIn(usage: unknown): Count {
  const root = readObject(usage, "usage");
  return (...path) => {
    let value: unknown = root;
    for (const name of path) value = (value as Record<string, unknown> | null | undefined)?.[name];
    if (value === undefined || value === null) return 0;
    return readInteger(value, `usage.${path.join(".")}`, 0, Number.MAX_SAFE_INTEGER);
  };
}

function without(whole: number, part: number, field: string): number {
  if (part > whole) throw invalid(`usage.${field}`, "no less than the cached tokens, which are part of it");
  return whole - part;
}
