import { assertEquals } from "@std/assert";
import {
  type CloseEvent,
  type CloseState,
  mayReceive,
  maySendClose,
  nextCloseState,
} from "../../websocket/_close_state.ts";

const STATES: CloseState[] = ["open", "closeSent", "closeReceived", "closed", "failed", "lost"];
const EVENTS: CloseEvent[] = ["sendClose", "receiveClose", "fault", "end"];

Deno.test("close handshake reaches closed whoever begins", () => {
  const run = (...events: CloseEvent[]) => events.reduce(nextCloseState, "open" as CloseState);
  assertEquals(run("sendClose", "receiveClose"), "closed");
  assertEquals(run("receiveClose", "sendClose"), "closed");
  assertEquals(run("sendClose", "receiveClose", "end"), "closed");
  assertEquals(run("sendClose", "end"), "lost");
  assertEquals(run("receiveClose", "end"), "lost");
  assertEquals(run("end"), "lost");
  assertEquals(run("fault", "end"), "failed");
  assertEquals(run("sendClose", "fault"), "failed");
});

Deno.test("close states that are over stay what they are", () => {
  for (const state of ["closed", "failed", "lost"] as const) {
    for (const event of EVENTS) assertEquals(nextCloseState(state, event), state);
  }
});

Deno.test("close frame is sent at most once, and nothing is received after one", () => {
  assertEquals(STATES.filter(maySendClose), ["open", "closeReceived"]);
  assertEquals(STATES.filter(mayReceive), ["open", "closeSent"]);
});
