import { describe, expect, test } from "vitest";
import { createLedger, type UsageApi, usageFrom } from "../../src/ledger/index.js";
import { newSession, onEveryStore } from "../typed/stores.js";
import { expectBalanced } from "./accounts.js";

const CALL = { provider: "p", model: "m" };

onEveryStore((opened) => {
  const ledger = () => createLedger(opened.store);

  test.each<[string, string, object]>([
    ["units that are a list", "units", { units: [1] }],
    ["17 units", "units", { units: Object.fromEntries(Array.from({ length: 17 }, (_, n) => [`u${n}`, 1])) }],
    ["a unit without a name", "units", { units: { "": 1 } }],
    ["a negative quantity", "units.images", { units: { images: -1 } }],
    ["a quantity with seven digits behind the point", "units.seconds", { units: { seconds: 0.0000001 } }],
    ["a quantity in text", "units.images", { units: { images: "1" } }],
    ["a currency that is none", "currency", { cost: "1", currency: "euro" }],
    ["a currency without a cost", "currency", { currency: "EUR" }],
  ])("record refuses %s", async (_, field, wrong) => {
    const who = newSession();
    await expect(ledger().record(who, { ...CALL, ...wrong })).rejects.toMatchObject({
      code: "INVALID_RECORD",
      details: { field },
    });
    expect(await ledger().entries(who)).toEqual([]);
  });

  test("units and currencies add up exactly by name, in totals and summaries, and apart from tokens and one another", async () => {
    const who = newSession();
    const { tenant } = who;
    const units = { images: 2, seconds: 0.1, constructor: 1 };
    for (let n = 0; n < 3; n++) await ledger().record(who, { ...CALL, cost: "0.1", currency: "EUR", units });
    await ledger().record(who, { ...CALL, cost: "1", promptTokens: 5 });
    await ledger().record(who, { ...CALL, cost: "2", currency: "USD" });
    const expected = {
      calls: 5,
      tokens: 5,
      cost: "1",
      costs: { EUR: "0.3", USD: "2" },
      units: { images: 6, seconds: 0.3, constructor: 3 },
    };
    expect(await ledger().totals(who)).toMatchObject(expected);
    expect((await ledger().summarize({ tenant }, { by: "model" })).total).toMatchObject(expected);
    expect((await ledger().entries(who))[0]).toMatchObject({ cost: "0.1", currency: "EUR", units });
    await expectBalanced(opened.store, tenant);
    await ledger().forget(who);
    expect(await ledger().totals({ tenant })).toMatchObject(expected);
    await expectBalanced(opened.store, tenant);
  });

  test("the names of units and currencies of a tenant are bounded, and a refused call leaves the others alone", async () => {
    const who = newSession();
    const names = (from: number) =>
      Object.fromEntries(Array.from({ length: 16 }, (_, n) => [`unit-${from + n}`, 1]));
    for (let from = 0; from < 64; from += 16) await ledger().record(who, { ...CALL, units: names(from) });
    const results = await Promise.allSettled([
      ledger().record(who, CALL),
      ledger().record(who, { ...CALL, units: names(60) }),
      ledger().record(who, { ...CALL, units: names(0) }),
    ]);
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect(results[1]).toMatchObject({ reason: { code: "INVALID_RECORD", details: { field: "units" } } });
    expect((await ledger().totals(who)).calls).toBe(6);
  });

  test("a budget limits units and a cost in its currency, and a reservation that does not give them is refused", async () => {
    const who = newSession();
    await ledger().record(who, { ...CALL, cost: "5", units: { images: 2 } });
    const set = await ledger().setBudget(who, { cost: "1", currency: "EUR", units: { images: 5 } });
    expect(set).toMatchObject({
      limits: { cost: "1", currency: "EUR", units: { images: 5 } },
      spent: { cost: "0", currency: "EUR", calls: 1, units: { images: 2 } },
      remaining: { cost: "1", currency: "EUR", units: { images: 3 } },
    });
    for (const [field, amounts] of [
      ["units.images", { cost: "1", currency: "EUR" }],
      ["cost", { units: { images: 1 } }],
      ["cost", { currency: "EUR", units: { images: 1 } }],
    ] as const)
      await expect(ledger().reserve(who, amounts)).rejects.toMatchObject({
        code: "INVALID_RECORD",
        details: { field },
      });
    await expect(
      ledger().reserve(who, { cost: "0.1", currency: "EUR", units: { images: 4 } }),
    ).rejects.toMatchObject({ details: { unit: "units.images", limit: 5, spent: 2, requested: 4 } });
    await expect(
      ledger().reserve(who, { cost: "1.1", currency: "EUR", units: { images: 0 } }),
    ).rejects.toMatchObject({ details: { unit: "cost", currency: "EUR", limit: "1", requested: "1.1" } });
    // Of another currency.
    await ledger().reserve(who, { cost: "100", units: { images: 1 } });
    const { id, amounts } = await ledger().reserve(who, { cost: "1", currency: "EUR", units: { images: 2 } });
    expect(amounts).toEqual({ cost: "1", currency: "EUR", calls: 1, units: { images: 2 } });
    expect((await ledger().budget(who))?.reserved).toMatchObject({ cost: "1", units: { images: 3 } });
    await ledger().settle(who, id, { ...CALL, cost: "0.25", currency: "EUR", units: { images: 1 } });
    expect((await ledger().budget(who))?.remaining).toEqual({
      cost: "0.75",
      currency: "EUR",
      units: { images: 1 },
    });
  });
});

describe("usageFrom", () => {
  const nothing = { promptTokens: 0, completionTokens: 0, cachedReadTokens: 0, cachedWriteTokens: 0 };

  test.each<[UsageApi, object, object]>([
    [
      "openai-chat",
      {
        prompt_tokens: 117_231,
        completion_tokens: 225,
        total_tokens: 117_456,
        prompt_tokens_details: { cached_tokens: 115_584, audio_tokens: 3 },
        completion_tokens_details: { reasoning_tokens: 128, audio_tokens: 0 },
      },
      {
        promptTokens: 1_647,
        completionTokens: 225,
        cachedReadTokens: 115_584,
        units: { reasoningTokens: 128, audioInputTokens: 3 },
      },
    ],
    [
      "openai-chat",
      { prompt_tokens: 5, completion_tokens: 1, prompt_tokens_details: null },
      { promptTokens: 5, completionTokens: 1 },
    ],
    [
      "openai-responses",
      {
        input_tokens: 100,
        input_tokens_details: { cached_tokens: 60 },
        output_tokens: 50,
        output_tokens_details: { reasoning_tokens: 40 },
        total_tokens: 150,
      },
      { promptTokens: 40, completionTokens: 50, cachedReadTokens: 60, units: { reasoningTokens: 40 } },
    ],
    [
      "anthropic",
      {
        input_tokens: 21,
        output_tokens: 393,
        cache_read_input_tokens: 1_000,
        cache_creation_input_tokens: 248,
        cache_creation: { ephemeral_5m_input_tokens: 148, ephemeral_1h_input_tokens: 100 },
        server_tool_use: { web_search_requests: 2 },
      },
      {
        promptTokens: 21,
        completionTokens: 393,
        cachedReadTokens: 1_000,
        cachedWriteTokens: 248,
        units: { cacheWrite1hTokens: 100, webSearches: 2 },
      },
    ],
    [
      "gemini",
      {
        promptTokenCount: 100,
        cachedContentTokenCount: 30,
        candidatesTokenCount: 20,
        thoughtsTokenCount: 50,
        toolUsePromptTokenCount: 7,
        totalTokenCount: 177,
      },
      {
        promptTokens: 77,
        completionTokens: 70,
        cachedReadTokens: 30,
        units: { reasoningTokens: 50, toolPromptTokens: 7 },
      },
    ],
    [
      "bedrock",
      {
        inputTokens: 10,
        outputTokens: 5,
        totalTokens: 65,
        cacheReadInputTokens: 30,
        cacheWriteInputTokens: 20,
      },
      { promptTokens: 10, completionTokens: 5, cachedReadTokens: 30, cachedWriteTokens: 20 },
    ],
    [
      "mistral",
      {
        prompt_tokens: 10,
        completion_tokens: 5,
        total_tokens: 15,
        prompt_audio_seconds: 4,
        num_cached_tokens: 6,
      },
      { promptTokens: 4, completionTokens: 5, cachedReadTokens: 6, units: { audioSeconds: 4 } },
    ],
    [
      "ai-sdk",
      {
        inputTokens: 100,
        inputTokenDetails: { noCacheTokens: 20, cacheReadTokens: 70, cacheWriteTokens: 10 },
        outputTokens: 9,
        outputTokenDetails: { textTokens: 4, reasoningTokens: 5 },
        totalTokens: 109,
        cachedInputTokens: 70,
        reasoningTokens: 5,
      },
      {
        promptTokens: 20,
        completionTokens: 9,
        cachedReadTokens: 70,
        cachedWriteTokens: 10,
        units: { reasoningTokens: 5 },
      },
    ],
    [
      "ai-sdk",
      {
        inputTokens: 100,
        outputTokens: 9,
        totalTokens: 109,
        cachedInputTokens: 70,
        reasoningTokens: undefined,
      },
      { promptTokens: 30, completionTokens: 9, cachedReadTokens: 70 },
    ],
  ])("reads what %s reports, and counts no token twice", (api, usage, expected) => {
    const { units, ...counts } = usageFrom(api, usage);
    expect({ ...counts, ...(units && { units }) }).toEqual({ ...nothing, ...expected });
    const total = usage as Record<string, number>;
    const reported = total.total_tokens ?? total.totalTokens ?? total.totalTokenCount;
    const sum = Object.values(counts).reduce((tokens, count) => tokens + count, 0);
    if (reported !== undefined) expect(sum).toBe(reported);
  });

  test("refuses an API it does not know, a usage that is missing or contradicts itself", () => {
    const refused = (field: string) =>
      expect.objectContaining({ code: "INVALID_RECORD", details: expect.objectContaining({ field }) });
    expect(() => usageFrom("cohere" as never, {})).toThrow(refused("api"));
    expect(() => usageFrom("anthropic", undefined as never)).toThrow(refused("usage"));
    expect(() => usageFrom("anthropic", { input_tokens: -1 })).toThrow(refused("usage.input_tokens"));
    expect(() =>
      usageFrom("openai-chat", { prompt_tokens: 1, prompt_tokens_details: { cached_tokens: 2 } }),
    ).toThrow(refused("usage.prompt_tokens"));
  });
});
