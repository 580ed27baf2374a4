import { dashedToken, isMixed, rule, token } from "./rule.js";

/** Keys of those who offer models, and of services that agents call. */
export const MODEL_KEYS = [
  // Keys of before 2024 have 48 characters and no second prefix.
  rule("openai-key", {
    hints: ["sk-"],
    pattern: dashedToken(
      "sk-(?:(?:proj|svcacct|admin|None)-[A-Za-z0-9_-]{40,}|[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20,}|[A-Za-z0-9]{48}(?![A-Za-z0-9_-]))",
    ),
  }),
  rule("anthropic-key", {
    hints: ["sk-ant-"],
    pattern: dashedToken("sk-ant-[a-z]{3,8}[0-9]{2}-[A-Za-z0-9_-]{40,}"),
  }),
  rule("openrouter-key", {
    hints: ["sk-or-"],
    pattern: dashedToken("sk-or-v1-[a-f0-9]{64}(?![A-Za-z0-9])"),
  }),
  rule("deepseek-key", { hints: ["sk-"], pattern: dashedToken("sk-[a-f0-9]{32}(?![A-Za-z0-9_-])") }),
  rule("groq-key", { hints: ["gsk_"], pattern: token("gsk_[A-Za-z0-9]{52}(?![A-Za-z0-9])") }),
  rule("xai-key", { hints: ["xai-"], pattern: dashedToken("xai-[A-Za-z0-9]{80}(?![A-Za-z0-9])") }),
  rule("perplexity-key", { hints: ["pplx-"], pattern: dashedToken("pplx-[A-Za-z0-9]{48,}") }),
  rule("huggingface-token", {
    hints: ["hf_"],
    pattern: token("hf_[A-Za-z0-9]{34}(?![A-Za-z0-9])"),
  }),
  rule("replicate-token", { hints: ["r8_"], pattern: token("r8_[A-Za-z0-9]{37}(?![A-Za-z0-9])") }),
  rule("nvidia-key", { hints: ["nvapi-"], pattern: dashedToken("nvapi-[A-Za-z0-9_-]{60,}") }),
  rule("cerebras-key", {
    hints: ["csk-"],
    pattern: dashedToken("csk-[a-z0-9]{48}(?![A-Za-z0-9])"),
  }),
  rule("langsmith-key", {
    hints: ["lsv2_"],
    pattern: token("lsv2_(?:pt|sk)_[a-f0-9]{32}_[a-f0-9]{10}(?![A-Za-z0-9])"),
  }),
  rule("tavily-key", {
    hints: ["tvly-"],
    pattern: dashedToken("tvly-(?:dev-|prod-)?[A-Za-z0-9]{32}(?![A-Za-z0-9])"),
  }),
  rule("age-key", {
    hints: ["AGE-SECRET-KEY-1"],
    pattern: dashedToken("AGE-SECRET-KEY-1[A-Z0-9]{58}(?![A-Za-z0-9])"),
    isSecret: isMixed,
  }),
];
