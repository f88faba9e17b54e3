import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { loadLibc } from "../../net/_bluetooth_libc.ts";
import { Poller, sharedPoller } from "../../net/_bluetooth_poller.ts";
import { deadlineSignal } from "../../net/wait.ts";
import { HAS_FFI } from "../_support/ffi_sockets.ts";

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: `poller ${name}`, ignore: !HAS_FFI, fn });
}

test("waits for several descriptors with one thread, and only while someone waits", async () => {
  const libc = loadLibc("test");
  const poller = new Poller(libc);
  const fds = Array.from({ length: 100 }, () => libc.eventfd());
  const entries = fds.map((fd) => poller.add(fd));
  assertEquals([poller.active, poller.waiting], [false, 0]);
  const waits = entries.map((entry) => poller.wait(entry, "readable"));
  assertEquals([poller.active, poller.waiting], [true, 100]);
  for (const fd of fds) libc.signalEvent(fd);
  assertEquals(await Promise.all(waits), fds.map(() => false));
  assertEquals(poller.waiting, 0);
  for (const entry of entries) poller.remove(entry, new Error("removed"));
  assertEquals(poller.active, false);
  for (const fd of fds) libc.close(fd);
});

test("tells readable and writable apart", async () => {
  const libc = loadLibc("test");
  const poller = new Poller(libc);
  const fd = libc.eventfd();
  const entry = poller.add(fd);
  let readable = false;
  const reading = poller.wait(entry, "readable").then(() => readable = true);
  await poller.wait(entry, "writable");
  await poller.wait(entry, "writable");
  assertEquals(readable, false);
  libc.signalEvent(fd);
  await reading;
  // What is ready already comes at once, and as often as it is asked for.
  await Promise.all([poller.wait(entry, "readable"), poller.wait(entry, "readable")]);
  poller.remove(entry, new Error("removed"));
  libc.close(fd);
});

test("rejects a wait when its entry is removed, its deadline passes, or its signal fires", async () => {
  const libc = loadLibc("test");
  const poller = new Poller(libc);
  const fd = libc.eventfd();
  const entry = poller.add(fd);
  const other = poller.add(libc.eventfd());
  const controller = new AbortController();
  const aborted = poller.wait(entry, "readable", deadlineSignal("wait", controller));
  const late = poller.wait(entry, "readable", deadlineSignal("wait", { timeout: 1 }));
  const removed = poller.wait(entry, "readable");
  const still = poller.wait(other, "readable");
  controller.abort();
  await assertRejects(() => aborted, Error, "aborted");
  await assertRejects(() => late, Error, "timed out");
  assertEquals(poller.waiting, 2);
  poller.remove(entry, new Error("gone"));
  poller.remove(entry, new Error("gone again"));
  await assertRejects(() => removed, Error, "gone");
  libc.signalEvent(other.fd);
  await still;
  const fired = deadlineSignal("wait", controller);
  await assertRejects(() => poller.wait(other, "readable", fired), Error, "aborted");
  poller.remove(other, new Error("removed"));
  await poller.settled();
  assertEquals([poller.active, poller.waiting], [false, 0]);
  libc.close(fd);
  libc.close(other.fd);
});

test("has given its thread back when it rejects, and closes what it opened", async () => {
  const libc = loadLibc("test");
  const poller = new Poller(libc);
  const fd = libc.eventfd();
  for (let i = 0; i < 50; i++) {
    const entry = poller.add(fd);
    const wait = poller.wait(entry, "readable");
    poller.remove(entry, new Error("removed"));
    await assertRejects(() => wait, Error, "removed");
    await poller.settled();
    assertEquals(poller.active, false);
  }
  libc.close(fd);
});

test("doesn't give an old descriptor's event to the new one of the same number", async () => {
  const libc = loadLibc("test");
  const poller = new Poller(libc);
  const fd = libc.eventfd();
  const old = poller.add(fd);
  const wait = poller.wait(old, "readable");
  libc.signalEvent(fd); // the event is on its way
  poller.remove(old, new Error("removed"));
  libc.close(fd);
  assertEquals(libc.eventfd(), fd);
  const fresh = poller.add(fd);
  let woken = false;
  const next = poller.wait(fresh, "readable").then(() => woken = true);
  await assertRejects(() => wait, Error, "removed");
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals(woken, false);
  libc.signalEvent(fd);
  await next;
  poller.remove(fresh, new Error("removed"));
  libc.close(fd);
});

test("reports what the system has against a descriptor", async () => {
  const libc = loadLibc("test");
  const poller = new Poller(libc);
  const entry = poller.add(9999);
  await assertRejects(() => poller.wait(entry, "readable"), Error, "epoll_ctl: EBADF");
  assertEquals(poller.waiting, 0);
  poller.remove(entry, new Error("removed"));
  assertEquals(poller.active, false);
});

test("is shared by the process, and stays open while an entry is there", async () => {
  const libc = loadLibc("test");
  const poller = sharedPoller(libc);
  assertStrictEquals(sharedPoller(libc), poller);
  const fd = libc.eventfd();
  const entry = poller.add(fd);
  await poller.wait(entry, "writable");
  assert(poller.active);
  poller.remove(entry, new Error("removed"));
  assertEquals(poller.active, false);
  libc.close(fd);
});
