import { assert, assertEquals, assertFalse, assertMatch } from "@std/assert";
import { LIVE_PAGE } from "../../trace/_live_page.ts";

const script = /<script nonce="\{nonce\}">([\s\S]*)<\/script>/.exec(LIVE_PAGE)![1];

Deno.test("the page's program is valid, and never makes HTML out of text", () => {
  new Function(script);
  assertFalse(/innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(/.test(script));
});

Deno.test("the page needs nothing from elsewhere", () => {
  assertFalse(
    /https?:\/\/|@import|src=|url\(/.test(LIVE_PAGE.replace('"ws://" + location.host', "")),
  );
});

Deno.test("style and program carry the nonce, and no handler is written into the HTML", () => {
  assertEquals(LIVE_PAGE.match(/<(style|script)\b[^>]*>/g), [
    '<style nonce="{nonce}">',
    '<script nonce="{nonce}">',
  ]);
  assertFalse(/<[a-z]+[^>]* (on\w+|style)=/.test(LIVE_PAGE));
});

Deno.test("all elements that the program looks up are there", () => {
  const ids = [...script.matchAll(/byId\("([a-z]+)"\)/g)].map(([, id]) => id);
  assert(ids.length > 10);
  for (const id of ids) assertMatch(LIVE_PAGE, new RegExp(`id="${id}"`));
});
