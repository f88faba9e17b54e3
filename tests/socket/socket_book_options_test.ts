import { assert, assertEquals } from "@std/assert";
import { SocketBook } from "../../socket/socket_book.ts";
import type { SocketBookOptions, SocketBookParameters } from "../../socket/socket_book_options.ts";

Deno.test("every option of the book and every parameter is known", async () => {
  const options: Required<SocketBookOptions> = {
    throws: false,
    encoding: "utf8",
    certificates: {},
    maxMessageBytes: 1_048_576,
    maxInboxBytes: 65_536,
    maxSendQueueBytes: 16_777_216,
    maxSockets: 4096,
    maxPending: 16,
  };
  await using book = new SocketBook(options);
  const parameters: Required<SocketBookParameters> = {
    nagle: true,
    uniqueAddress: true,
    keepAlive: false,
    connectTimeout: 20_000,
    handshakeTimeout: 10_000,
    readTimeout: 1000,
    writeTimeout: 0,
    closeTimeout: 5000,
    minVersion: "TLSv1.2",
    maxVersion: "TLSv1.3",
  };
  assert(book.parameter(parameters), book.lastError?.message);
  assertEquals(book.lastError, null);
});
