import { expect, test } from "vitest";
import { WordIndex } from "../../src/search/word-index.js";

test.each([
  ["Latin with accents", "Die Rechnung aus Köln über Café-Möbel", "cafe", "mobel", "KÖLN"],
  ["Turkish", "İstanbul'da bir şehir", "istanbul", "sehir"],
  ["Turkish without a dot", "ışık ve kapı", "isik", "IŞIK", "kapı"],
  ["Polish and German", "Zażółć gęślą jaźń auf der Straße", "zazolc", "zazołc", "strasse"],
  ["Danish and Norwegian", "Blåbærgrød i Tromsø", "blabaergrod", "BLÅBÆRGRØD", "tromso"],
  ["Icelandic and French", "Þórður át œufs", "thordur", "ÞÓRÐUR", "oeufs"],
  ["Greek", "Ο δρόμος της Αθήνας", "αθηνας", "ΔΡΟΜΟΣ"],
  ["Cyrillic", "Ёлка стоит в Киеве, мой друг", "елка", "МОЙ", "киеве"],
  ["Chinese", "我在北京大学研究生命科学", "北京", "大学", "北京大学", "生命", "学"],
  ["Japanese", "東京タワーに行きました。ガラスの靴", "東京", "タワー", "行きました", "ガラス", "靴"],
  ["half-width Japanese", "ﾃﾞｰﾀﾍﾞｰｽ", "データベース"],
  ["Korean", "학교에서 공부했다", "학교", "공부"],
  ["Thai", "ฉันกินข้าวที่กรุงเทพ", "ข้าว", "กรุงเทพ"],
  ["Arabic with and without vowels", "كَتَبَ الطالبُ الدرسَ في المدرســة", "كتب", "الطالب", "المدرسة"],
  ["Hebrew with points", "שָׁלוֹם עולם", "שלום"],
  ["Hindi", "मैं हिन्दी में लिखता हूँ", "हिन्दी", "लिखता"],
  ["emoji", "deployed 🚀 by 👩‍💻 in 🇫🇷", "🚀", "💻", "🇫🇷"],
  ["full-width Latin", "ＡＢＣ１２３", "abc123"],
  ["code", "error in foo_bar(): ENOENT /etc/passwd", "foo", "bar", "enoent", "passwd"],
  ["mixed scripts", "Kubernetesクラスタv2を更新", "kubernetes", "クラスタ", "更新", "v2"],
  ["the beginning of a word", "authentication", "auth"],
])("%s", async (_, text, ...queries) => {
  const index = new WordIndex();
  await index.put("a", [{ key: "1", text }]);
  await index.put("b", [{ key: "1", text: "something else entirely" }]);
  for (const query of queries)
    expect(
      index.search(query).map(({ group }) => group),
      query,
    ).toEqual(["a"]);
});

test("what is not there is not found", async () => {
  const index = new WordIndex();
  await index.put("a", [{ key: "1", text: "café 北京 🚀" }]);
  for (const query of ["", " ", "?!", "coffee", "afé", "京北", "🚁", "ca", "x".repeat(4000)])
    expect(index.search(query), query).toEqual([]);
});

test("rare words, short texts, headings and more of the words rank higher", async () => {
  const index = new WordIndex();
  const filler = "and then we talked about the weather for a while ".repeat(5);
  await index.put("one word", [{ key: "1", text: "invoice" }]);
  await index.put("both, apart", [
    { key: "1", text: `an invoice ${filler}` },
    { key: "2", text: `from Berlin ${filler}` },
  ]);
  await index.put("both, in a heading", [{ key: "", heading: "Invoice from Berlin" }]);
  await index.put("none", [{ key: "1", text: filler }]);
  expect(index.search("invoice berlin").map(({ group }) => group)).toEqual([
    "both, in a heading",
    "both, apart",
    "one word",
  ]);
  const [, apart] = index.search("invoice berlin");
  expect((apart?.texts ?? []).map(([key]) => key).sort()).toEqual(["1", "2"]);
});

test("a text that is put again or removed is no longer found, and takes no room", async () => {
  const index = new WordIndex();
  await index.put("a", [
    { key: "1", text: "before" },
    { key: "2", text: "kept" },
  ]);
  const size = index.size;
  await index.put("a", [{ key: "1", text: "after!" }]);
  expect(index.size).toBe(size);
  expect(index.search("before")).toEqual([]);
  expect(index.search("after")).toMatchObject([{ group: "a", texts: [["1", expect.any(Number)]] }]);
  index.remove("a", (key) => key === "2");
  expect(index.search("after")).toEqual([]);
  expect(index.search("kept")).toHaveLength(1);
  expect(index.sizeOf("a")).toBe(index.size);
  index.remove("a");
  expect(index.size).toBe(0);
  expect(index.search("kept")).toEqual([]);
});
