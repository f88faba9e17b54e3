import { assertEquals, assertMatch } from "@std/assert";
import { fileURLToPath } from "node:url";
import { BROWSER_TEST, openBrowser } from "../_support/browser.ts";
import { freePort, peerTest, runPeer, spawnPeer } from "../_support/peers.ts";

const MAIN = fileURLToPath(new URL("../../examples/chat_server/main.ts", import.meta.url));

type Program = Awaited<ReturnType<typeof spawnPeer>>;

function run(args: string[], ready: RegExp): Promise<Program> {
  return spawnPeer(Deno.execPath(), [
    "run",
    "--no-check",
    "--allow-net",
    "--allow-read",
    MAIN,
    ...args,
  ], { stdin: true, ready });
}

const port = (server: Program): number => Number(/listens on port (\d+)/.exec(server.stdout)?.[1]);

Deno.test("chat_server passes each message to all, the sender included, and shows who is there", async () => {
  await using server = await run(["--server", "--port", "0"], /\/who shows/);
  const where = ["--client", "--port", String(port(server))];
  await using ada = await run([...where, "--name", "Ada"], /Ada on the server/);
  await using bob = await run([...where, "--name", "Bob"], /Bob on the server/);
  await ada.write("hello all\n");
  await ada.waitFor(/^Ada: hello all$/m);
  await bob.waitFor(/^Ada: hello all$/m);
  await server.waitFor(/^Ada: hello all$/m);
  await bob.write("   \n");
  await bob.waitFor(/Please give a text to send/);

  await server.write("/who\n");
  await server.waitFor(/ADDRESS +SOCKET +LAST ACTION\n127\.0\.0\.1 .*\n127\.0\.0\.1 .*\n/);
  await bob.write("/quit\n");
  assertEquals((await bob.status).code, 0);
  await server.write("/stop\n");
  assertEquals((await server.status).code, 0);
  await ada.waitFor(/The connection has ended/);
  assertEquals((await ada.status).code, 0);
});

Deno.test("chat_server speaks the size header: a raw client chats and leaves with BYE", async () => {
  await using server = await run(["/SERVEUR", "--port", "0"], /\/who shows/);
  const conn = await Deno.connect({ hostname: "127.0.0.1", port: port(server) });
  await conn.write(new TextEncoder().encode("11\r\nHello World3\r\nBYE"));
  let text = "";
  const buffer = new Uint8Array(256);
  for (let n; (n = await conn.read(buffer)) !== null;) {
    text += new TextDecoder().decode(buffer.subarray(0, n));
  }
  conn.close();
  assertEquals(text, "11\r\nHello World");
});

Deno.test("chat_server goes on where nobody types, until it is interrupted", {
  ignore: Deno.build.os === "windows",
}, async () => {
  const args = [
    "run",
    "--no-check",
    "--allow-net",
    "--allow-read",
    MAIN,
    "--server",
    "--port",
    "0",
  ];
  await using server = await spawnPeer(Deno.execPath(), args, { ready: /\/who shows/ });
  const where = ["--client", "--port", String(port(server))];
  await using ada = await run([...where, "--name", "Ada"], /Ada on the server/);
  await ada.write("hello\n");
  await server.waitFor(/^Ada: hello$/m);
  server.kill("SIGINT");
  assertEquals((await server.status).code, 0);
});

Deno.test("chat_server tells a page at an IPv6 address, or at all addresses, as a browser takes it", async () => {
  for (const [address, hostname] of [["::1", "[::1]"], ["::", "[::1]"], ["0.0.0.0", "127.0.0.1"]]) {
    const where = ["--server", "--address", address, "--port", "0", "--web", "0"];
    await using server = await run(where, /\/who shows/);
    const url = /Its page: (\S+)/.exec(server.stdout)![1];
    assertEquals(new URL(url).hostname, hostname);
  }
});

Deno.test("chat_server and its client say clearly what is wrong", async () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const busy = String((taken.addr as Deno.NetAddr).port);
  const command = ["run", "--no-check", "--allow-net", "--allow-read", MAIN];
  const server = await runPeer(Deno.execPath(), [...command, "--server", "--port", busy]);
  assertEquals(server.code, 1);
  assertMatch(server.stderr, new RegExp(`Cannot set up the listening socket on port ${busy}: `));
  const closed = String(freePort());
  const client = await runPeer(
    Deno.execPath(),
    [...command, "--client", "--name", "x", "--host", "127.0.0.1", "--port", closed],
  );
  assertEquals(client.code, 1);
  assertMatch(client.stderr, /Cannot connect to the server/);
  const nowhere = await runPeer(
    Deno.execPath(),
    [...command, "--client", "--name", "x", "--host", "no.such.invalid"],
  );
  for (const other of [["--server"], ["--web", "0"]]) {
    const args = ["--client", "--name", "x", "--port", closed, ...other];
    const both = await runPeer(Deno.execPath(), [...command, ...args]);
    assertEquals(both.code, 2);
    assertMatch(both.stderr, /^--client and --(server|web) exclude each other\n\nA chat/);
  }
  assertMatch(nowhere.stderr, /Cannot find the IP address of the server "no\.such\.invalid"/);
});

peerTest(
  "chat_server shows its page to Chromium: users, messages and the table",
  BROWSER_TEST,
  async () => {
    await using server = await run(["--server", "--port", "0", "--web", "0"], /\/who shows/);
    const url = /Its page: (\S+)/.exec(server.stdout)![1];
    await using browser = await openBrowser();
    const page = await browser.newPage();
    await page.goto(url);
    await page.getByText("connected", { exact: true }).waitFor();
    await using ada = await run(
      ["--client", "--port", String(port(server)), "--name", "Ada"],
      /Ada on the server/,
    );
    await page.getByLabel("Your name").fill("Eve");
    await page.getByLabel("Message").fill("hello from a browser");
    await page.getByRole("button", { name: "Send" }).click();
    await ada.waitFor(/^Eve: hello from a browser$/m);
    await page.getByText("hello from a browser").waitFor();
    await ada.write("<b>good</b> evening\n");
    await page.getByText("<b>good</b> evening").waitFor();
    assertEquals(await page.getByRole("row").count(), 3);
    if (Deno.env.get("SLUICE_SCREENSHOTS")) {
      await page.screenshot({ path: "docs/images/chat_server.png" });
    }
  },
);
