import { assertEquals } from "@std/assert";
import { shownUrl } from "../../websocket/_shown_url.ts";

Deno.test("a shown URL has no user, no password, no query and no fragment", () => {
  for (
    const [url, shown] of [
      ["wss://ann:s3cret@example.org:8443/chat?token=s3cret#s3cret", "wss://example.org:8443/chat"],
      ["ws://ann:s3@cret@example.org/@home", "ws://example.org/@home"],
      ["ws://example.org?token=//a@b", "ws://example.org"],
      ["ws://example.org/chat#a\n?token=s3cret", "ws://example.org/chat"],
      ["ws+unix:/run/app.sock:/chat?token=s3cret", "ws+unix:/run/app.sock:/chat"],
      ["ws:ann:s3cret@example.org", "ws://example.org/"],
      ["ws:\\\\ann:s3cret@example.org/chat?token=s3cret", "ws://example.org/chat"],
      ["ws://ann:s3cret@[example.org", "ws://[example.org"],
      ["", ""],
    ]
  ) assertEquals(shownUrl(url), shown);
  assertEquals(shownUrl(new URL("ws://ann:s3cret@example.org")), "ws://example.org/");
});
