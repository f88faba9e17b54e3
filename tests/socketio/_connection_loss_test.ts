import { assertEquals } from "@std/assert";
import { ConnectionLoss, isConnectionLoss } from "../../socketio/_connection_loss.ts";

Deno.test("connection loss is told from what is wrong on a connection", () => {
  const lost = Object.assign(new Error("The WebSocket was lost"), { code: "CONNECTION_LOST" });
  const reset = "Connection reset by peer (os error 104)";
  const own = new ConnectionLoss("the other side left", reset);
  assertEquals([own.code, own.name, own.cause], ["ERR_TRANSPORT", "SocketIoError", reset]);
  const cut = "peer closed connection without sending TLS close_notify: https://docs.rs/rustls";
  for (const failure of [own, lost, reset, new Error(reset), "Unexpected EOF", cut]) {
    assertEquals(isConnectionLoss(failure), true, String(failure));
  }
  for (const failure of [undefined, new Error("x"), "Reserved bits are not zero", "unknown"]) {
    assertEquals(isConnectionLoss(failure), false, String(failure));
  }
});
