import { dashedToken, namedRule, rule, token } from "./rule.js";

const BASE64_END = "(?![A-Za-z0-9+/=])";

/** Keys of clouds and of the services that run on them. */
export const CLOUD_KEYS = [
  // https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids
  rule("aws-access-key", {
    hints: ["AKIA", "ASIA", "ABIA", "ACCA"],
    pattern: token("(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])"),
  }),
  // Forty characters of base64 are many things: only behind the name of the setting.
  namedRule("aws-secret-key", {
    hints: ["ecret", "ECRET"],
    pattern: new RegExp(
      `secret_?access_?key[\\\\"' \\t]{0,8}[:=]>?[\\\\"' \\t]{0,8}(?<secret>[A-Za-z0-9+/]{40})${BASE64_END}`,
      "gi",
    ),
  }),
  namedRule("azure-storage-key", {
    hints: ["AccountKey=", "SharedAccessKey="],
    pattern: /(?:AccountKey|SharedAccessKey)=(?<secret>[A-Za-z0-9+/]{42,86}={1,2})(?![A-Za-z0-9+/=])/g,
  }),
  rule("azure-sas", {
    hints: ["sig="],
    pattern: /[?&;]sig=(?<secret>[A-Za-z0-9]{8}[A-Za-z0-9%+/]{34,90}(?:=|%3D))/gi,
  }),
  rule("azure-client-secret", {
    hints: ["Q~"],
    pattern: /(?<![A-Za-z0-9_~.-])[A-Za-z0-9_~.-]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,34}(?![A-Za-z0-9_~.-])/g,
  }),
  // https://cloud.google.com/docs/authentication/api-keys
  rule("google-api-key", {
    hints: ["AIza"],
    pattern: dashedToken("AIza[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])"),
  }),
  rule("google-oauth", {
    hints: ["GOCSPX-", "ya29."],
    pattern: dashedToken("(?:GOCSPX-[A-Za-z0-9_-]{28}(?![A-Za-z0-9_-])|ya29\\.[A-Za-z0-9_-]{30,})"),
  }),
  rule("digitalocean-token", {
    hints: ["_v1_"],
    pattern: token("do[opr]_v1_[a-f0-9]{64}(?![A-Za-z0-9])"),
  }),
  rule("databricks-token", {
    hints: ["dapi"],
    pattern: token("dapi[a-f0-9]{32}(?![A-Za-z0-9])"),
  }),
  rule("supabase-key", {
    hints: ["sbp_", "sb_secret_"],
    pattern: dashedToken("(?:sbp_[a-f0-9]{40}(?![A-Za-z0-9])|sb_secret_[A-Za-z0-9_-]{31,})"),
  }),
  rule("vault-token", {
    hints: ["hvs.", "hvb."],
    pattern: dashedToken("hv[sb]\\.[A-Za-z0-9_-]{24,}"),
  }),
  rule("terraform-token", {
    hints: [".atlasv1."],
    pattern: token("[A-Za-z0-9]{14}\\.atlasv1\\.[A-Za-z0-9_=-]{60,}"),
  }),
  rule("grafana-token", {
    hints: ["glsa_"],
    pattern: token("glsa_[A-Za-z0-9]{32}_[a-fA-F0-9]{8}(?![A-Za-z0-9])"),
  }),
];
