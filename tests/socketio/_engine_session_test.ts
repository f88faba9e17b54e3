import { assert, assertEquals, assertFalse } from "@std/assert";
import { EngineSession, type EngineSessionHost } from "../../socketio/_engine_session.ts";
import type { SocketIoError } from "../../socketio/errors.ts";

class Host implements EngineSessionHost {
  readonly log: string[] = [];
  error: unknown;
  sendPing(): void {
    this.log.push("ping");
  }
  startPingInterval(): void {
    this.log.push("interval");
  }
  startPingTimeout(): void {
    this.log.push("timeout");
  }
  stopTimes(): void {
    this.log.push("stop");
  }
  onMessage(data: string | Uint8Array): void {
    this.log.push(`message ${data}`);
  }
  onHeartbeat(): void {
    this.log.push("heartbeat");
  }
  onClose(reason: string, description?: unknown): void {
    this.log.push(`close ${reason}`);
    this.error = description;
  }
  /** What happened since the last look. */
  take(): string[] {
    return this.log.splice(0);
  }
}

function open(): { host: Host; session: EngineSession } {
  const host = new Host();
  const session = new EngineSession(host);
  session.start();
  assertEquals(host.take(), ["interval"]);
  return { host, session };
}

Deno.test("session pings, waits for the pong, and begins again", () => {
  const { host, session } = open();
  session.pingDue();
  assertEquals(host.take(), ["ping", "timeout"]);
  session.receive({ type: "pong" });
  assertEquals(host.take(), ["interval", "heartbeat"]);
  session.pingDue();
  session.pongOverdue();
  assertEquals(host.take(), ["ping", "timeout", "stop", "close ping timeout"]);
  assertEquals(session.state, "closed");
});

Deno.test("session gives a client that sends instead of the pong the whole time again, once a ping", () => {
  const { host, session } = open();
  session.receiveMessage("a");
  assertEquals(host.take(), ["message a"]);
  session.pingDue();
  host.take();
  session.receiveMessage("b");
  session.receiveMessage("c");
  session.receive({ type: "noop" });
  assertEquals(host.take(), ["timeout", "message b", "message c"]);
  session.receive({ type: "pong" });
  session.pingDue();
  host.take();
  session.receive({ type: "message", data: "d" });
  assertEquals(host.take(), ["timeout", "message d"]);
});

Deno.test("session waits for nothing once the pong is here: what comes then starts no time", () => {
  const { host, session } = open();
  session.pingDue();
  session.receive({ type: "pong" });
  host.take();
  session.receiveMessage("a");
  session.receive({ type: "message", data: "b" });
  session.receive({ type: "noop" });
  assertEquals(host.take(), ["message a", "message b"]);
});

Deno.test("session ends at what only a server sends", () => {
  for (const type of ["open", "upgrade"] as const) {
    const { host, session } = open();
    session.receive({ type });
    assertEquals(host.take(), ["stop", "close parse error"]);
    assertEquals((host.error as SocketIoError).code, "ERR_PARSE");
  }
  const { host, session } = open();
  session.receive({ type: "ping" });
  assertEquals(host.take(), ["stop", "close transport error"]);
});

Deno.test("session ends when the client says so, and takes nothing more", () => {
  const { host, session } = open();
  session.receive({ type: "close" });
  assertEquals(host.take(), ["stop", "close transport close"]);
  session.receive({ type: "message", data: "late" });
  session.receiveMessage("late");
  session.pingDue();
  session.pongOverdue();
  session.close("forced close");
  assertEquals(host.take(), []);
});

Deno.test("session that closes takes nothing more, and still pings", () => {
  const { host, session } = open();
  assert(session.beginClose());
  assertFalse(session.beginClose());
  assertEquals(session.state, "closing");
  session.receiveMessage("late");
  session.pingDue();
  assertEquals(host.take(), ["ping", "timeout"]);
  session.close("forced close");
  assertEquals(host.take(), ["stop", "close forced close"]);
});

Deno.test("session that closes is over when the client takes its leave", () => {
  const { session, host } = open();
  session.start();
  session.beginClose();
  session.receive({ type: "message", data: "late" });
  host.take();
  session.receive({ type: "close" });
  assertEquals([session.state, host.take()], ["closed", ["stop", "close transport close"]]);
});

Deno.test("session lets one transport at a time try to take over", () => {
  const { session } = open();
  assert(session.beginUpgrade());
  assert(session.upgrading);
  assertFalse(session.probed);
  assertFalse(session.beginUpgrade(), "a second probe");
  assertEquals(session.receiveProbe({ type: "ping", data: "probe" }), "pong");
  assert(session.probed);
  assertEquals(session.receiveProbe({ type: "upgrade" }), "upgrade");
  assert(session.upgraded);
  assertFalse(session.upgrading);
  assertFalse(session.beginUpgrade(), "after an upgrade");
});

Deno.test("session lets another transport try after one gave up", () => {
  const { session } = open();
  session.beginUpgrade();
  session.receiveProbe({ type: "ping", data: "probe" });
  session.abortUpgrade();
  assertFalse(session.upgrading);
  assert(session.beginUpgrade());
});

Deno.test("session refuses a probe out of order, and one that nobody announced", () => {
  const { session } = open();
  assertEquals(session.receiveProbe({ type: "ping", data: "probe" }), "refuse");
  session.beginUpgrade();
  assertEquals(session.receiveProbe({ type: "upgrade" }), "refuse");
  assertEquals(session.receiveProbe({ type: "ping" }), "refuse");
  assertEquals(session.receiveProbe({ type: "message", data: "probe" }), "refuse");
  session.receiveProbe({ type: "ping", data: "probe" });
  session.close("forced close");
  assertEquals(session.receiveProbe({ type: "upgrade" }), "refuse");
  assertFalse(session.beginUpgrade());
});
