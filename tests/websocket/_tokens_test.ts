import { assert, assertEquals } from "@std/assert";
import {
  expectedChoice,
  hasListElement,
  isFieldValue,
  isToken,
  parseTokenList,
  trimOws,
} from "../../websocket/_tokens.ts";

Deno.test("token is what RFC 9110 says, character by character", () => {
  const allowed = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  for (let code = 0; code < 300; code++) {
    const char = String.fromCharCode(code);
    assertEquals(isToken(`a${char}`), allowed.includes(char), `character ${code}`);
  }
  assertEquals(isToken(""), false);
});

Deno.test("field value has no control characters and no space around", () => {
  for (const good of ["", "a", "a b\tc", "é", "!~"]) assertEquals(isFieldValue(good), true);
  for (const bad of ["a\r\nb", "a\nb", "a\0b", " a", "a ", "\ta", "a\x7f", "€", "\x1b"]) {
    assertEquals(isFieldValue(bad), false, JSON.stringify(bad));
  }
});

Deno.test("token list skips empty elements and refuses what is no token", () => {
  assertEquals(parseTokenList("a, b ,,\tc"), ["a", "b", "c"]);
  assertEquals(parseTokenList("a b"), undefined);
  assertEquals(parseTokenList(""), undefined);
  assertEquals(parseTokenList(" , "), undefined);
});

Deno.test("list element is found in any case and any place", () => {
  assertEquals(hasListElement("keep-alive, Upgrade", "upgrade"), true);
  assertEquals(hasListElement("keep-alive, Upgrade2", "upgrade"), false);
  assertEquals(hasListElement(undefined, "upgrade"), false);
});

Deno.test("trimming takes spaces and tabs only", () => {
  assertEquals(trimOws(" \t a \t"), "a");
  assertEquals(trimOws("\xa0a"), "\xa0a");
  assertEquals(trimOws("   "), "");
});

Deno.test("token list of many spaces is parsed in linear time", () => {
  const time = (n: number) => {
    const text = `b${" ".repeat(n)}x`;
    let best = Infinity;
    for (let run = 0; run < 5; run++) {
      const start = performance.now();
      for (let i = 0; i < 20; i++) parseTokenList(text);
      best = Math.min(best, performance.now() - start);
    }
    return best;
  };
  time(1000);
  // 32 times the length: far below the 1024 times that a quadratic parser would take.
  assert(time(32_000) < time(1000) * 300 + 5);
});

Deno.test("expected choice of a subprotocol names none", () => {
  const texts = [[], ["secret"], ["chat", "secret"]].map(expectedChoice);
  assertEquals(texts, ["absent", "the one that was offered", "one of the 2 that were offered"]);
});
