import { dashedToken, rule, token } from "./rule.js";

/** Tokens of forges and of package registries. */
export const FORGE_TOKENS = [
  // https://github.blog/engineering/platform-security/behind-githubs-new-authentication-token-formats/
  rule("github-token", {
    hints: ["ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"],
    pattern: token("(?:gh[opusr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59,})"),
  }),
  // https://docs.gitlab.com/security/tokens/#token-prefixes
  rule("gitlab-token", {
    hints: ["pat-", "dt-", "rt-", "ptt-", "cbt-", "oas-", "ft-", "agent-", "imt-"]
      .map((end) => `gl${end}`)
      .concat("glsoat-"),
    pattern: dashedToken(
      "gl(?:pat|dt|rt|ptt|cbt|oas|ft|soat|agent|imt)-[A-Za-z0-9_-]{20,}(?:\\.[a-z0-9.]{5,20})?",
    ),
  }),
  rule("atlassian-token", {
    hints: ["ATATT3", "ATBB", "ATCTT3"],
    pattern: dashedToken("(?:AT[AC]TT3[A-Za-z0-9_=-]{60,}|ATBB[A-Za-z0-9]{32}(?![A-Za-z0-9]))"),
  }),
  rule("npm-token", { hints: ["npm_"], pattern: token("npm_[A-Za-z0-9]{36}(?![A-Za-z0-9])") }),
  rule("pypi-token", { hints: ["pypi-"], pattern: dashedToken("pypi-AgE[A-Za-z0-9_-]{50,}") }),
  rule("rubygems-key", { hints: ["rubygems_"], pattern: token("rubygems_[a-f0-9]{48}(?![A-Za-z0-9])") }),
  rule("docker-token", { hints: ["dckr_"], pattern: dashedToken("dckr_(?:pat|oat)_[A-Za-z0-9_-]{27,}") }),
];
