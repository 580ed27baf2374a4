import { ESCAPE, rule } from "./rule.js";

// Behind the first digit. A number is written in one piece or in the groups of its kind of card.
const DIGITS = "[0-9]{12,18}";
const FOURS = "[0-9]{3}(?:(?: [0-9]{4}){3}|(?:-[0-9]{4}){3})";
const AMEX = "[47][0-9]{2}(?: [0-9]{6} [0-9]{5}|-[0-9]{6}-[0-9]{5})";
const DINERS = "[068][0-9]{2}(?: [0-9]{6} [0-9]{4}|-[0-9]{6}-[0-9]{4})";

/** Numbers of payment cards: ISO/IEC 7812, of the ranges that are in use, with a check digit that is right. */
export const CARD_NUMBER = rule("card-number", {
  pattern: new RegExp(
    // The first digit is asked for first: most places of a text fail there.
    `[2-6](?<=(?:(?<![A-Za-z0-9_.+]|[0-9][,:/-]|[A-Za-z_][/-])|${ESCAPE})[2-6])(?:${DIGITS}|${FOURS}|${AMEX}|${DINERS})(?![A-Za-z0-9_]|[.,:+/-][A-Za-z0-9_])`,
    "g",
  ),
  isSecret: isCard,
});

/** The ranges of issuers and how many digits their numbers have. https://en.wikipedia.org/wiki/Payment_card_number */
const ISSUERS: readonly RegExp[] = [
  /^4(?:[0-9]{12}|[0-9]{15}|[0-9]{18})$/,
  /^5[1-5][0-9]{14}$/,
  /^2(?:22[1-9]|2[3-9][0-9]|[3-6][0-9]{2}|7[01][0-9]|720)[0-9]{12}$/,
  /^3[47][0-9]{13}$/,
  /^3(?:0[0-5]|[68][0-9])[0-9]{11}$/,
  /^35(?:2[89]|[3-8][0-9])[0-9]{12}$/,
  /^6(?:011|5[0-9]{2}|4[4-9][0-9])[0-9]{12}$/,
  /^62[0-9]{14}$/,
];

function isCard(text: string): boolean {
  const digits = text.replace(/[ -]/g, "");
  return ISSUERS.some((issuer) => issuer.test(digits)) && new Set(digits).size > 1 && isChecked(digits);
}

/** The algorithm of Luhn: from the right, every second digit counts twice. */
function isChecked(digits: string): boolean {
  let sum = 0;
  for (let at = 0; at < digits.length; at++) {
    const digit = Number(digits[digits.length - 1 - at]);
    const twice = at % 2 === 1 ? digit * 2 : digit;
    sum += twice > 9 ? twice - 9 : twice;
  }
  return sum % 10 === 0;
}
