import { dashedToken, isMixed, rule, token } from "./rule.js";

/** Keys of services for messages, payments and mail. */
export const SERVICE_KEYS = [
  // https://api.slack.com/concepts/token-types
  rule(
    "slack-token",
    {
      hints: ["xox", "xapp-"],
      pattern: dashedToken(
        "(?:xox[abeoprs]-(?:[A-Za-z0-9]+-){1,5}[A-Za-z0-9]{16,}|xapp-[0-9]-[A-Za-z0-9]+-[0-9]+-[a-f0-9]{32,})",
      ),
    },
    {
      hints: ["hooks.slack.com"],
      pattern:
        /hooks\.slack\.com(?:\\?\/)(?:services|workflows|triggers)(?<secret>(?:\\?\/[A-Za-z0-9]{8,64}){3})/g,
    },
  ),
  rule("discord-webhook", {
    hints: ["api/webhooks/", "api\\/webhooks\\/"],
    pattern: /discord(?:app)?\.com\\?\/api\\?\/webhooks\\?\/[0-9]{17,20}\\?\/(?<secret>[A-Za-z0-9_-]{60,})/g,
  }),
  rule("telegram-token", {
    hints: [":AA"],
    pattern: token("(?:bot)?(?<secret>[0-9]{8,10}:AA[A-Za-z0-9_-]{33})(?![A-Za-z0-9_-])"),
  }),
  // Publishable keys (pk_live_) are made to be shown.
  rule("stripe-key", {
    hints: ["k_live_", "k_test_", "whsec_"],
    pattern: token("(?:[sr]k_(?:live|test)_[A-Za-z0-9]{24,}|whsec_[A-Za-z0-9+/]{32,}={0,2})"),
  }),
  rule("sendgrid-key", {
    hints: ["SG."],
    pattern: dashedToken("SG\\.[A-Za-z0-9_-]{22}\\.[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])"),
  }),
  rule("mailchimp-key", { hints: ["-us"], pattern: token("[a-f0-9]{32}-us[0-9]{1,2}(?![A-Za-z0-9])") }),
  rule("mailgun-key", { hints: ["key-"], pattern: dashedToken("key-[a-f0-9]{32}(?![A-Za-z0-9])") }),
  rule("shopify-token", {
    hints: ["shpat_", "shpca_", "shppa_", "shpss_"],
    pattern: token("shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}(?![A-Za-z0-9])"),
  }),
  rule("square-token", {
    hints: ["EAAA", "sq0"],
    pattern: dashedToken("(?:EAAA[A-Za-z0-9_-]{60}(?![A-Za-z0-9_-])|sq0[a-z]{3}-[A-Za-z0-9_-]{22,43})"),
  }),
  rule("linear-key", { hints: ["lin_api_"], pattern: token("lin_api_[A-Za-z0-9]{40}(?![A-Za-z0-9])") }),
  rule("notion-token", { hints: ["ntn_"], pattern: token("ntn_[A-Za-z0-9]{40,}") }),
  rule("figma-token", { hints: ["figd_"], pattern: dashedToken("figd_[A-Za-z0-9_-]{40,}") }),
  rule("postman-key", {
    hints: ["PMAK-"],
    pattern: dashedToken("PMAK-[a-f0-9]{24}-[a-f0-9]{34}(?![A-Za-z0-9])"),
  }),
  rule("new-relic-key", {
    hints: ["NRAK-"],
    pattern: dashedToken("NRAK-[A-Z0-9]{27}(?![A-Za-z0-9])"),
    isSecret: isMixed,
  }),
];
