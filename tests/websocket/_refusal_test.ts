import { assert, assertEquals } from "@std/assert";
import { pair } from "../../net/pair.ts";
import { receiveHead, writeLatin1 } from "../../websocket/_head_exchange.ts";
import { readRefusal, toResponse } from "../../websocket/_refusal.ts";
import { parseResponseHead } from "../../websocket/http_head.ts";

function headOf(text: string) {
  const head = parseResponseHead(text);
  assert("fields" in head);
  return head;
}

Deno.test("refusal has the status, the headers and the body, however it is cut", async () => {
  for (const split of [1, 5, 10_000]) {
    const [a, b] = pair({ split });
    const receiving = receiveHead(a, "response");
    const writing = writeLatin1(
      b,
      "HTTP/1.1 429 Too Many\r\nRetry-After: 7\r\nContent-Length: 11\r\n\r\nslow down\r\n",
    );
    const received = await receiving;
    const response = await readRefusal(received, headOf(received.text));
    await writing;
    assertEquals([response!.status, response!.statusText], [429, "Too Many"]);
    assertEquals(response!.headers.get("retry-after"), "7");
    assertEquals(await response!.text(), "slow down\r\n");
    a.close();
    b.close();
  }
});

Deno.test("refusal whose body stalls has what came of it", async () => {
  const [a, b] = pair();
  const receiving = receiveHead(a, "response");
  await writeLatin1(b, "HTTP/1.1 403 No\r\nContent-Length: 100\r\n\r\nbecause");
  const received = await receiving;
  const response = await readRefusal(received, headOf(received.text));
  assertEquals(await response!.text(), "because");
  a.close();
  b.close();
});

Deno.test("refusal whose connection ends or fails has what came of it", async () => {
  for (const end of ["close", "abort"] as const) {
    const [a, b] = pair();
    const receiving = receiveHead(a, "response");
    await writeLatin1(b, "HTTP/1.1 403 No\r\n\r\nbecause");
    const received = await receiving;
    const reading = readRefusal(received, headOf(received.text));
    if (end === "close") b.close();
    else a.close();
    assertEquals(await (await reading)!.text(), "because");
    if (end === "close") a.close();
    else b.close();
  }
});

Deno.test("statuses that the web does not have make no response", () => {
  assertEquals(toResponse(headOf("HTTP/1.1 999 Linked\r\n\r\n")), undefined);
  assertEquals(toResponse(headOf("HTTP/1.1 103 Hints\r\n\r\n")), undefined);
  assertEquals(toResponse(headOf("HTTP/1.1 204 None\r\n\r\n"))!.body, null);
});
