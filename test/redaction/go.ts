import { ALNUM, BASE64, BASE64URL, DIGITS, drawn, HEX, LOWER, UPPER } from "./drawn.js";

/** A text with a secret, which has to go, and nothing else. */
export interface GoingText {
  readonly kind: string;
  readonly secret: string;
  readonly text: string;
}

type Context = (secret: string) => string;

/** Where agents meet secrets. */
const CONTEXTS: readonly Context[] = [
  (secret) => `export SERVICE_TOKEN=${secret}`,
  (secret) => `{"level":"error","msg":"request failed","config":{"key":"${secret}"},"status":401}`,
  (secret) => JSON.stringify({ body: JSON.stringify({ text: `first line\n${secret}\nlast line` }) }),
  (secret) => `NODE_ENV=production\nSERVICE_TOKEN="${secret}"\nPORT=8080\n`,
  (secret) => `Error: 401 Unauthorized for ${secret}\n    at fetchUser (/app/dist/client.js:41:13)`,
  (secret) => `Sure! My key is ${secret}, please use it for the call.`,
  (secret) => `services:\n  api:\n    environment:\n      TOKEN: ${secret}\n    image: api:1.4\n`,
  (secret) => `curl -s 'https://api.example.com/v1/items?limit=5&key=${secret}'`,
  (secret) => `{'user': 'ada', 'token': '${secret}', 'retries': 3}`,
  (secret) =>
    JSON.stringify({ log: `\t${secret}\r\n`, nested: JSON.stringify([JSON.stringify({ k: secret })]) }),
  (secret) => `+ deploy --token=${secret} --region eu-central-1`,
  (secret) => `| name | value |\n|---|---|\n| token | \`${secret}\` |`,
  (secret) => `https://app.example.com/cb?state=1&next=%2Fhome%3Ftoken%3D${secret}%26x%3D1`,
];

let seed = 1;
const of = (prefix: string, alphabet: string, length: number, end = "") =>
  prefix + drawn(alphabet, length, seed++) + end;

/** Kinds whose secrets stand anywhere, and how one is made. */
const TOKENS: readonly (readonly [kind: string, make: () => string])[] = [
  ["aws-access-key", () => of(["AK", "IA"].join(""), `${UPPER}234567`, 16)],
  ["aws-access-key", () => ["AKIA", "IOSFODNN7", "EXAMPLE"].join("")],
  ["aws-access-key", () => of(["AS", "IA"].join(""), `${UPPER}234567`, 16)],
  ["azure-client-secret", () => `${of("", ALNUM, 3)}8Q~${of("", ALNUM, 34)}`],
  ["google-api-key", () => of(["AI", "za"].join(""), ALNUM, 35)],
  ["google-oauth", () => of(["GOC", "SPX-"].join(""), ALNUM, 28)],
  ["google-oauth", () => of(["ya", "29."].join(""), BASE64URL, 120)],
  ["digitalocean-token", () => of("dop_v1_", HEX, 64)],
  ["databricks-token", () => of("dapi", HEX, 32)],
  ["supabase-key", () => of("sbp_", HEX, 40)],
  ["supabase-key", () => of("sb_secret_", ALNUM, 31)],
  ["vault-token", () => of("hvs.", BASE64URL, 90)],
  ["terraform-token", () => `${of("", ALNUM, 14)}.atlasv1.${of("", ALNUM, 67)}`],
  ["grafana-token", () => `${of("glsa_", ALNUM, 32)}_${of("", HEX, 8)}`],
  ["github-token", () => of(["gh", "p_"].join(""), ALNUM, 36)],
  ["github-token", () => of(["gh", "s_"].join(""), ALNUM, 36)],
  ["github-token", () => `${of("github_pat_", ALNUM, 22)}_${of("", ALNUM, 59)}`],
  ["gitlab-token", () => of(["gl", "pat-"].join(""), ALNUM, 20)],
  ["gitlab-token", () => of(["gl", "rt-"].join(""), ALNUM, 20)],
  ["atlassian-token", () => of("ATATT3", ALNUM, 180, "=1A2B3C4D")],
  ["atlassian-token", () => of("ATBB", ALNUM, 32)],
  ["npm-token", () => of(["np", "m_"].join(""), ALNUM, 36)],
  ["pypi-token", () => of("pypi-AgEIcHlwaS5vcmc", ALNUM, 120)],
  ["rubygems-key", () => of("rubygems_", HEX, 48)],
  ["docker-token", () => of("dckr_pat_", ALNUM, 27)],
  ["openai-key", () => of(["sk", "-proj-"].join(""), BASE64URL, 124)],
  ["openai-key", () => of(["sk", "-svcacct-"].join(""), ALNUM, 74)],
  ["openai-key", () => `${of("sk-", ALNUM, 20)}${["T3Blbk", "FJ"].join("")}${of("", ALNUM, 20)}`],
  ["openai-key", () => of("sk-", ALNUM, 48)],
  ["anthropic-key", () => of(["sk", "-ant-api03-"].join(""), ALNUM, 93, "AA")],
  ["anthropic-key", () => of(["sk", "-ant-oat01-"].join(""), ALNUM, 95)],
  ["openrouter-key", () => of(["sk", "-or-v1-"].join(""), HEX, 64)],
  ["deepseek-key", () => of("sk-", HEX, 32)],
  ["groq-key", () => of("gsk_", ALNUM, 52)],
  ["xai-key", () => of("xai-", ALNUM, 80)],
  ["perplexity-key", () => of("pplx-", ALNUM, 48)],
  ["huggingface-token", () => of("hf_", LOWER + UPPER, 34)],
  ["replicate-token", () => of("r8_", ALNUM, 37)],
  ["nvidia-key", () => of("nvapi-", ALNUM, 64)],
  ["cerebras-key", () => of("csk-", LOWER + DIGITS, 48)],
  ["langsmith-key", () => `${of("lsv2_pt_", HEX, 32)}_${of("", HEX, 10)}`],
  ["tavily-key", () => of("tvly-dev-", ALNUM, 32)],
  ["age-key", () => of(["AGE-SECRET", "-KEY-1"].join(""), UPPER + DIGITS, 58)],
  [
    "slack-token",
    () => `${["xox", "b-"].join("")}${of("", DIGITS, 12)}-${of("", DIGITS, 13)}-${of("", ALNUM, 24)}`,
  ],
  [
    "slack-token",
    () => `${["xap", "p-1-"].join("")}${of("A", DIGITS, 10)}-${of("", DIGITS, 13)}-${of("", HEX, 64)}`,
  ],
  ["telegram-token", () => `${of("7", DIGITS, 9)}:AA${of("", ALNUM, 33)}`],
  ["stripe-key", () => of(["sk_", "live_"].join(""), ALNUM, 99)],
  ["stripe-key", () => of(["rk_", "test_"].join(""), ALNUM, 24)],
  ["stripe-key", () => of(["whs", "ec_"].join(""), ALNUM, 32)],
  ["sendgrid-key", () => `${of("SG.", ALNUM, 22)}.${of("", ALNUM, 43)}`],
  ["mailchimp-key", () => of("", HEX, 32, "-us14")],
  ["mailgun-key", () => of("key-", HEX, 32)],
  ["shopify-token", () => of("shpat_", HEX, 32)],
  ["square-token", () => of("sq0atp-", ALNUM, 22)],
  ["linear-key", () => of("lin_api_", ALNUM, 40)],
  ["notion-token", () => of("ntn_", ALNUM, 43)],
  ["figma-token", () => of("figd_", ALNUM, 40)],
  ["postman-key", () => `${of("PMAK-", HEX, 24)}-${of("", HEX, 34)}`],
  ["new-relic-key", () => of("NRAK-", UPPER + DIGITS, 27)],
];

/** Each in two of the contexts, and some in three. */
const tokens = TOKENS.flatMap(([kind, make], index) =>
  (index % 5 === 0 ? [0, 1, 2] : [0, 1]).map((time) => {
    const secret = make();
    const context = CONTEXTS[(2 * index + time) % CONTEXTS.length] as Context;
    return { kind, secret, text: context(secret) };
  }),
);

const jwtOf = (header: object) =>
  [JSON.stringify(header), JSON.stringify({ sub: "1234567890", iat: 1_516_239_022 })]
    .map((part) => Buffer.from(part).toString("base64url"))
    .concat(drawn(BASE64URL, 43, seed++))
    .join(".");
const jwts = [
  jwtOf({ alg: "HS256", typ: "JWT" }),
  jwtOf({ typ: "JWT", alg: "RS256", kid: "2026-01" }),
  jwtOf({ alg: "ES256" }),
  [jwtOf({ alg: "RSA-OAEP", enc: "A256GCM" }), drawn(BASE64URL, 63, 7), drawn(BASE64URL, 22, 8)].join("."),
].flatMap((secret, index) =>
  [0, 1, 2].map((time) => ({
    kind: "jwt",
    secret,
    text: (CONTEXTS[(3 * index + time) % CONTEXTS.length] as Context)(secret),
  })),
);

const dashes = "-".repeat(5);
const pem = (label: string, end: string, join = "\n", headers: readonly string[] = []) => {
  const lines = Array.from({ length: 6 }, () => drawn(BASE64, 64, seed++)).concat(
    drawn(BASE64, 22, seed++) + end,
  );
  return [`${dashes}BEGIN ${label}${dashes}`, ...headers, ...lines, `${dashes}END ${label}${dashes}`].join(
    join,
  );
};
const PKCS = ["PRIVATE", "KEY"].join(" ");
const privateKeys = (
  [
    [pem(PKCS, "=="), (secret: string) => `${secret}\n`],
    [pem(`RSA ${PKCS}`, "="), (secret: string) => `id_rsa:\n${secret}\nok`],
    [pem(`EC ${PKCS}`, "=="), (secret: string) => `cat key.pem\n${secret}\n$ `],
    [pem(`OPENSSH ${PKCS}`, ""), (secret: string) => `-> ${secret} <-`],
    [pem(`ENCRYPTED ${PKCS}`, "="), (secret: string) => `tls.key: |\n${secret}`],
    [
      pem(`RSA ${PKCS}`, "==", "\n", ["Proc-Type: 4,ENCRYPTED", "DEK-Info: AES-256-CBC,0F0A", ""]),
      (secret: string) => `key = """${secret}"""`,
    ],
    [
      pem(`PGP ${PKCS} BLOCK`, "=\n=aB3d", "\n", ["Version: GnuPG v2", ""]),
      (secret: string) => `gpg --export-secret-keys\n${secret}`,
    ],
    // As JSON has it within a string, and as JSON within JSON has it.
    [pem(PKCS, "==", "\\n"), (secret: string) => `{"type":"service_account","private_key":"${secret}\\n"}`],
    [pem(PKCS, "=", "\\\\n"), (secret: string) => `{"body":"{\\"private_key\\":\\"${secret}\\"}"}`],
    [pem(PKCS, "=", "\r\n"), (secret: string) => `POST /keys\r\n\r\n${secret}\r\n`],
    // Cut off, as a log does it.
    [pem(PKCS, "=").slice(0, 200), (secret: string) => `key was ${secret}`],
  ] as const
).map(([secret, context]) => ({ kind: "private-key", secret, text: context(secret) }));

const opaque = () => drawn(ALNUM, 32, seed++);
const bearers = (
  [
    (secret) => `Authorization: Bearer ${secret}`,
    (secret) => `{"headers":{"authorization":"Bearer ${secret}"}}`,
    (secret) => `curl -H 'Authorization: Bearer ${secret}' https://api.example.com`,
    (secret) =>
      JSON.stringify({ request: JSON.stringify({ headers: { Authorization: `Bearer ${secret}` } }) }),
    (secret) => `Bearer ${secret}`,
    (secret) => `> GET /v1/me HTTP/1.1\n> authorization: bearer ${secret}\n> accept: */*`,
    (secret) => `headers = {'Authorization': 'Bearer ${secret}', 'X-Trace': '1'}`,
    (secret) => `setRequestHeader("Authorization", "Bearer ${secret}")`,
  ] as readonly Context[]
).map((context) => {
  const secret = opaque();
  return { kind: "bearer", secret, text: context(secret) };
});

const basics = (
  [
    ["ada:lovelace", (secret) => `Authorization: Basic ${secret}`],
    ["admin:hunter2", (secret) => `{"authorization":"x","Authorization":"Basic ${secret}"}`],
    [":only-a-password", (secret) => `curl -H "Authorization: Basic ${secret}" http://localhost:9200`],
  ] as readonly (readonly [string, Context])[]
).map(([pair, context]) => {
  const secret = Buffer.from(pair).toString("base64");
  return { kind: "basic-auth", secret, text: context(secret) };
});

const apiKeys = (
  [
    (secret) => `x-api-key: ${secret}`,
    (secret) => `{"X-Api-Key":"${secret}","accept":"application/json"}`,
    (secret) => `curl -H 'X-Goog-Api-Key: ${secret}' https://api.example.com`,
    (secret) => `api-key=${secret}`,
  ] as readonly Context[]
).map((context) => {
  const secret = opaque();
  return { kind: "api-key-header", secret, text: context(secret) };
});

const passwords = (
  [
    ["hunter2", (secret) => `postgres://admin:${secret}@db.internal:5432/app`],
    ["s3cr3t", (secret) => `DATABASE_URL=postgresql://app:${secret}@localhost/app?sslmode=require`],
    ["p%40ss%2Fw0rd", (secret) => `connect to mysql://root:${secret}@10.0.0.5/shop failed`],
    ["aB3$x!9", (secret) => `mongodb+srv://svc:${secret}@cluster0.example.mongodb.net/test`],
    ["letmein", (secret) => `redis://:${secret}@cache:6379/0`],
    ["k8s-9f3", (secret) => `git clone https://ci:${secret}@git.example.com/team/app.git`],
    ["tr0ub4dor", (secret) => `{"proxy":"http://proxyuser:${secret}@proxy.corp.example:3128"}`],
    ["x9!k", (secret) => JSON.stringify({ m: JSON.stringify({ dsn: `amqp://guest:${secret}@mq/%2F` }) })],
    ["correct.horse", (secret) => `ftp://files:${secret}@ftp.example.org/in`],
    ["Pa55w0rd", (secret) => `SMTP: smtps://mailer:${secret}@smtp.example.com:465`],
    ["with@at", (secret) => `postgres://u:${secret}@host/db`],
    ["slashes1", (secret) => `{"url":"https:\\/\\/ada:${secret}@example.com\\/path"}`],
  ] as readonly (readonly [string, Context])[]
).map(([secret, context]) => ({ kind: "url-password", secret, text: context(secret) }));

/** Numbers that issuers publish for tests. */
const cards = (
  [
    ["4111111111111111", (secret) => `card: ${secret}`],
    ["4242 4242 4242 4242", (secret) => `Pay with ${secret}, please.`],
    ["5555-5555-5555-4444", (secret) => `{"pan":"${secret}","exp":"12/30"}`],
    ["378282246310005", (secret) => `amex=${secret}`],
    ["3714 496353 98431", (secret) => `My card is ${secret}.`],
    ["6011111111111117", (secret) => JSON.stringify({ b: JSON.stringify({ t: `number\n${secret}` }) })],
    ["30569309025904", (secret) => `(${secret})`],
    ["3530111333300000", (secret) => `JCB ${secret}`],
    ["2223003122003222", (secret) => `number:${secret};cvc:123`],
    ["4012888888881881", (secret) => `4 items, ${secret}, 12/30`],
    ["5105 1051 0510 5100", (secret) => `"${secret}"`],
    ["6200000000000005", (secret) => `UnionPay\t${secret}`],
  ] as readonly (readonly [string, Context])[]
).map(([secret, context]) => ({ kind: "card-number", secret, text: context(secret) }));

const settings = (
  [
    ["aws-secret-key", drawn(BASE64, 40, 901), (secret) => `aws_secret_access_key = ${secret}`],
    ["aws-secret-key", drawn(BASE64, 40, 902), (secret) => `export AWS_SECRET_ACCESS_KEY="${secret}"`],
    [
      "aws-secret-key",
      drawn(BASE64, 40, 903),
      (secret) => `{"SecretAccessKey":"${secret}","Expiration":"x"}`,
    ],
    [
      "aws-secret-key",
      drawn(BASE64, 40, 904),
      (secret) => JSON.stringify({ out: JSON.stringify({ secretAccessKey: secret }) }),
    ],
    [
      "azure-storage-key",
      `${drawn(BASE64, 86, 905)}==`,
      (secret) =>
        `DefaultEndpointsProtocol=https;AccountName=a;AccountKey=${secret};EndpointSuffix=core.windows.net`,
    ],
    [
      "azure-storage-key",
      `${drawn(BASE64, 43, 906)}=`,
      (secret) =>
        `Endpoint=sb://x.servicebus.windows.net/;SharedAccessKeyName=Root;SharedAccessKey=${secret}`,
    ],
    [
      "azure-sas",
      `${drawn(ALNUM, 43, 907)}%3D`,
      (secret) => `https://acct.blob.core.windows.net/c/b?sv=2024-11-04&sr=b&sp=r&sig=${secret}`,
    ],
    [
      "discord-webhook",
      drawn(BASE64URL, 68, 908),
      (secret) => `curl https://discord.com/api/webhooks/1234567890123456789/${secret}`,
    ],
    [
      "slack-token",
      `/T${drawn(UPPER + DIGITS, 10, 909)}/B${drawn(UPPER + DIGITS, 10, 910)}/${drawn(ALNUM, 24, 911)}`,
      (secret) => `https://hooks.slack.com/services${secret}`,
    ],
    [
      "telegram-token",
      `7${drawn(DIGITS, 9, 912)}:AA${drawn(ALNUM, 33, 913)}`,
      (secret) => `https://api.telegram.org/bot${secret}/getMe`,
    ],
  ] as readonly (readonly [string, string, Context])[]
).map(([kind, secret, context]) => ({ kind, secret, text: context(secret) }));

export const GO: readonly GoingText[] = [
  ...tokens,
  ...jwts,
  ...privateKeys,
  ...bearers,
  ...basics,
  ...apiKeys,
  ...passwords,
  ...cards,
  ...settings,
];
