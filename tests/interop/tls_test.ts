import { assert, assertEquals, assertRejects } from "@std/assert";
import { once } from "node:events";
import { connectTls } from "../../net/connect_tls.ts";
import { createServer } from "../../net/create_server.ts";
import { dial } from "../../net/dial.ts";
import { NetError } from "../../net/errors.ts";
import { createSecureServer } from "../../net/secure_server.ts";
import { startServerTls, startTls, tlsInfo } from "../../net/start_tls.ts";
import type { TlsError } from "../../net/tls_error.ts";
import type { TlsImplementation, TlsServerOptions } from "../../net/tls_options.ts";
import type { Transport } from "../../net/transport.ts";
import { writeAll } from "../../net/write_all.ts";
import { CA, certPath, identity, OTHER_CA } from "../_support/certs.ts";
import {
  freePort,
  type Peer,
  peerTest,
  runPeer,
  spawnPeer,
  tempFolder,
} from "../_support/peers.ts";

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const SERVER = identity("server");
const OPENSSL = { needs: ["openssl"] };
const IMPLEMENTATIONS: TlsImplementation[] = ["node", "deno"];

/** Reads until `text` has come, or to the end. */
async function readText(transport: Transport, until?: string): Promise<string> {
  const p = new Uint8Array(65536);
  let text = "";
  for (let n; (n = await transport.read(p)) !== null;) {
    text += new TextDecoder().decode(p.subarray(0, n));
    if (until !== undefined && text.includes(until)) break;
  }
  return text;
}

/** Echoes one connection, and gives the outcome of its handshake. */
async function echoOnce(
  listener: Deno.TcpListener,
  options: TlsServerOptions,
): Promise<Transport | NetError> {
  const conn = await listener.accept();
  let transport: Transport;
  try {
    transport = await startServerTls(conn, options, { timeout: 20_000 });
  } catch (error) {
    return error as NetError;
  }
  try {
    await writeAll(transport, utf8(`echo: ${await readText(transport, "\n")}`));
    await transport.closeWrite();
    await readText(transport);
  } catch (error) {
    if (!(error instanceof NetError)) throw error;
  }
  transport.close();
  return transport;
}

function listen(): Deno.TcpListener {
  return Deno.listen({ hostname: "127.0.0.1", port: 0 });
}

async function openssl(port: number, args: string[], input = "hello\n"): Promise<string> {
  const { stdout, stderr } = await runPeer(
    "openssl",
    ["s_client", "-connect", `127.0.0.1:${port}`, "-CAfile", certPath("ca.pem"), ...args],
    { stdin: input, timeout: 20_000 },
  );
  return stdout + stderr;
}

function server(args: string[], port: number): Promise<Peer> {
  return spawnPeer("openssl", [
    "s_server",
    "-accept",
    `127.0.0.1:${port}`,
    "-cert",
    certPath("server.pem"),
    "-key",
    certPath("server.key"),
    ...args,
  ], { ready: port, stdin: true });
}

peerTest("TLS server answers openssl s_client in both versions", OPENSSL, async () => {
  using listener = listen();
  const { port } = listener.addr;
  for (const [flag, version] of [["-tls1_3", "TLSv1.3"], ["-tls1_2", "TLSv1.2"]]) {
    const [output, outcome] = await Promise.all([
      openssl(port, [flag, "-verify_return_error", "-verify_hostname", "localhost", "-ign_eof"]),
      echoOnce(listener, SERVER),
    ]);
    assert(output.includes("Verify return code: 0 (ok)"), output);
    assert(output.includes("echo: hello\n"), output);
    assertEquals(tlsInfo(outcome as Transport)?.protocol, version);
  }
});

peerTest(
  "TLS server ends its stream so that openssl s_client finds it whole",
  OPENSSL,
  async () => {
    using listener = listen();
    const [output] = await Promise.all([
      openssl(listener.addr.port, ["-ign_eof"]),
      echoOnce(listener, SERVER),
    ]);
    assert(!/unexpected eof/i.test(output), output);
  },
);

peerTest(
  "TLS server chooses certificate and protocol as openssl s_client asks",
  OPENSSL,
  async () => {
    using listener = listen();
    const options: TlsServerOptions = {
      ...SERVER,
      ALPNProtocols: ["h2", "echo"],
      sni: { "a.example.com": identity("a_example"), "*.b.test": identity("b_test") },
    };
    const rows = [
      [["-servername", "a.example.com", "-alpn", "echo"], "a.example.com", "echo"],
      [["-servername", "www.b.test", "-alpn", "h2,echo"], "b.test", "h2"],
      [["-noservername"], "localhost", undefined],
    ] as const;
    for (const [args, name, protocol] of rows) {
      const [output] = await Promise.all([
        openssl(listener.addr.port, [...args, "-ign_eof"]),
        echoOnce(listener, options),
      ]);
      assert(output.includes(`CN = ${name}`), output);
      if (protocol !== undefined) assert(output.includes(`ALPN protocol: ${protocol}`), output);
    }
    const [output, outcome] = await Promise.all([
      openssl(listener.addr.port, ["-alpn", "nothing"]),
      echoOnce(listener, options),
    ]);
    assert(/alert no application protocol/i.test(output), output);
    assertEquals((outcome as TlsError).reason, "NO_APPLICATION_PROTOCOL");
  },
);

peerTest("TLS server judges the certificate that openssl s_client shows", OPENSSL, async () => {
  using listener = listen();
  const options = { ...SERVER, ca: CA, requestCert: true };
  const cert = (name: string): string[] => [
    "-cert",
    certPath(`${name}.pem`),
    "-key",
    certPath(`${name}.key`),
  ];
  const [output, let_in] = await Promise.all([
    openssl(listener.addr.port, [...cert("client"), "-ign_eof"]),
    echoOnce(listener, options),
  ]);
  assert(output.includes("echo: hello\n"), output);
  const info = tlsInfo(let_in as Transport)!;
  assertEquals([info.authorized, info.getPeerCertificate()?.subject.CN], [true, "Alice Client"]);
  const [none, without] = await Promise.all([
    openssl(listener.addr.port, ["-ign_eof"]),
    echoOnce(listener, options),
  ]);
  assert(/certificate required/i.test(none), none);
  assertEquals((without as TlsError).reason, "CERT_REQUIRED");
  const [, strange] = await Promise.all([
    openssl(listener.addr.port, [...cert("stranger"), "-ign_eof"]),
    echoOnce(listener, options),
  ]);
  assertEquals((strange as TlsError).reason, "UNABLE_TO_VERIFY_LEAF_SIGNATURE");
});

peerTest(
  "TLS client by Deno is stricter than by node with openssl's own certificates",
  OPENSSL,
  async () => {
    await using folder = await tempFolder();
    using listener = listen();
    const [key, cert] = [`${folder.path}/key.pem`, `${folder.path}/cert.pem`];
    const names = "subjectAltName=DNS:localhost,DNS:f*.a.test";
    const leaf = "basicConstraints=critical,CA:FALSE";
    const rows: [string[], string, [node: unknown, deno: unknown]][] = [
      [[names, leaf], "localhost", ["ok", "ok"]],
      [[names], "localhost", ["ok", "UNABLE_TO_VERIFY_LEAF_SIGNATURE"]],
      [[leaf], "localhost", ["ok", "ERR_TLS_CERT_ALTNAME_INVALID"]],
      [[names, leaf], "foo.a.test", ["ok", "ERR_TLS_CERT_ALTNAME_INVALID"]],
      [[names, leaf], "other.test", [
        "ERR_TLS_CERT_ALTNAME_INVALID",
        "ERR_TLS_CERT_ALTNAME_INVALID",
      ]],
    ];
    for (const [extensions, servername, outcomes] of rows) {
      await runPeer("openssl", [
        ...["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"],
        ...["-keyout", key, "-out", cert, ...extensions.flatMap((text) => ["-addext", text])],
      ], { timeout: 20_000 });
      const own = { cert: await Deno.readTextFile(cert), key: await Deno.readTextFile(key) };
      for (const [i, implementation] of IMPLEMENTATIONS.entries()) {
        const tls = { implementation, servername, caCerts: [own.cert] };
        const { port } = listener.addr;
        const serving = echoOnce(listener, own);
        const outcome = await dial({ hostname: "127.0.0.1", port }, { tls, timeout: 20_000 })
          .then((transport) => {
            transport.close();
            return "ok";
          }, (error: TlsError) => error.reason);
        assertEquals(outcome, outcomes[i], `${extensions} ${servername} ${implementation}`);
        await serving;
      }
    }
  },
);

for (const version of ["-tls1_2", "-tls1_3"]) {
  peerTest(
    `TLS server takes no session for a certificate that its own authorities have not verified (${version})`,
    OPENSSL,
    async () => {
      await using folder = await tempFolder();
      using listener = listen();
      const { port } = listener.addr;
      const strict: TlsServerOptions = { ...SERVER, ca: CA, requestCert: true };
      const elsewhere: TlsServerOptions = { ...strict, ca: OTHER_CA };
      const own = ["-cert", certPath("client.pem"), "-key", certPath("client.key")];
      const session = `${folder.path}/session`;
      const visit = async (options: TlsServerOptions, ...args: string[]) => {
        const names = ["-servername", "localhost", "-ign_eof", version];
        const [output, outcome] = await Promise.all([
          openssl(port, [...names, ...args]),
          echoOnce(listener, options),
        ]);
        assertEquals(output.includes("Reused, "), args.includes("-sess_in"));
        assertEquals(output.includes("echo: hello\n"), !(outcome instanceof Error));
        if (outcome instanceof NetError) return (outcome as TlsError).reason;
        const info = tlsInfo(outcome)!;
        return [info.authorized, info.authorizationError !== null];
      };

      // Of a server that asks for no certificate.
      assertEquals(await visit(SERVER, "-sess_out", session), [false, false]);
      assertEquals(await visit(strict, "-sess_in", session), "CERT_REQUIRED");
      const lenient = { ...strict, rejectUnauthorized: false };
      assertEquals(await visit(lenient, "-sess_in", session), [false, true]);

      // Of a server with other authorities.
      assertEquals(await visit(strict, ...own, "-sess_out", session), [true, false]);
      assertEquals(await visit(strict, "-sess_in", session), [true, false]);
      assertEquals(await visit(elsewhere, "-sess_in", session), "UNABLE_TO_VERIFY_LEAF_SIGNATURE");
      const open = { ...elsewhere, rejectUnauthorized: false };
      assertEquals(await visit(open, "-sess_in", session), [false, true]);
    },
  );
}

peerTest(
  "TLS server tells openssl s_client of another version from other faults",
  OPENSSL,
  async () => {
    using listener = listen();
    const rows: [string[], TlsServerOptions, string][] = [
      [["-tls1_3"], { ...SERVER, maxVersion: "TLSv1.2" }, "PROTOCOL_VERSION"],
      [["-tls1_2"], { ...SERVER, minVersion: "TLSv1.3" }, "PROTOCOL_VERSION"],
      [["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"], SERVER, "PROTOCOL_VERSION"],
      [["-tls1_3", "-ciphersuites", "TLS_AES_128_CCM_SHA256"], SERVER, "HANDSHAKE_FAILURE"],
    ];
    for (const [args, options, reason] of rows) {
      const [, outcome] = await Promise.all([
        openssl(listener.addr.port, args),
        echoOnce(listener, options),
      ]);
      assertEquals((outcome as TlsError).reason, reason, args[0]);
    }
  },
);

peerTest("TLS server takes STARTTLS from openssl s_client (SMTP)", OPENSSL, async () => {
  using listener = listen();
  const serve = async (): Promise<Transport> => {
    const conn = await listener.accept();
    await writeAll(conn, utf8("220 mail.example ESMTP\r\n"));
    await readText(conn, "\r\n");
    await writeAll(conn, utf8("250-mail.example\r\n250 STARTTLS\r\n"));
    assertEquals(await readText(conn, "\r\n"), "STARTTLS\r\n");
    await writeAll(conn, utf8("220 go ahead\r\n"));
    const transport = await startServerTls(conn, SERVER, { timeout: 20_000 });
    await writeAll(transport, utf8(`secret ${await readText(transport, "\n")}`));
    await transport.closeWrite();
    await readText(transport).catch(() => {});
    transport.close();
    return transport;
  };
  const [output] = await Promise.all([
    openssl(listener.addr.port, ["-starttls", "smtp", "-ign_eof", "-verify_return_error"]),
    serve(),
  ]);
  assert(output.includes("secret hello"), output);
});

for (const implementation of IMPLEMENTATIONS) {
  const trusting = { implementation, caCerts: [CA] };
  const target = (port: number) => ({ hostname: "localhost", port });

  peerTest(`TLS client (${implementation}) speaks with openssl s_server`, OPENSSL, async () => {
    const port = freePort();
    for (const flag of ["-tls1_3", "-tls1_2"]) {
      await using _openssl = await server([flag, "-rev", "-quiet"], port);
      const transport = await dial(target(port), { family: 4, tls: trusting, timeout: 20_000 });
      await writeAll(transport, utf8("stressed\n"));
      assertEquals(await readText(transport, "\n"), "desserts\n");
      transport.close();
    }
  });

  peerTest(
    `TLS client (${implementation}) refuses what openssl s_server shows`,
    OPENSSL,
    async () => {
      const rows = [
        ["expired", "localhost", "CERT_HAS_EXPIRED"],
        ["foreign", "localhost", "UNABLE_TO_VERIFY_LEAF_SIGNATURE"],
        ["server", "other.example", "ERR_TLS_CERT_ALTNAME_INVALID"],
      ];
      for (const [name, servername, reason] of rows) {
        const port = freePort();
        await using _openssl = await server(
          ["-quiet", "-cert", certPath(`${name}.pem`), "-key", certPath(`${name}.key`)],
          port,
        );
        const error = await assertRejects(
          () =>
            dial(target(port), { family: 4, tls: { ...trusting, servername }, timeout: 20_000 }),
          NetError,
        );
        assertEquals(error.code, "ERR_TLS_CERT");
        const expected = implementation === "node" && name === "expired"
          ? "UNABLE_TO_VERIFY_LEAF_SIGNATURE"
          : reason;
        assertEquals((error as TlsError).reason, expected);
      }
    },
  );

  peerTest(
    `TLS client (${implementation}) finds a stream of openssl s_server cut`,
    OPENSSL,
    async () => {
      const port = freePort();
      await using peer = await server(["-quiet"], port);
      const transport = await dial(target(port), { family: 4, tls: trusting, timeout: 20_000 });
      await peer.write("partial");
      const p = new Uint8Array(100);
      assertEquals(await transport.read(p), 7);
      Deno.kill(peer.pid, "SIGKILL");
      const error = await assertRejects(async () => await transport.read(p));
      const { code, name } = error as NetError;
      assert(
        ["ERR_TLS_TRUNCATED", "ECONNRESET"].includes(code) || name === "UnexpectedEof",
        `${error}`,
      );
      transport.close();
    },
  );

  peerTest(
    `TLS client (${implementation}) starts TLS on a connection that stands`,
    OPENSSL,
    async () => {
      const port = freePort();
      await using _openssl = await server(["-quiet", "-rev"], port);
      const conn = await Deno.connect({ hostname: "127.0.0.1", port });
      const transport = await startTls(conn, {
        ...trusting,
        hostname: "localhost",
        timeout: 20_000,
      });
      await writeAll(transport, utf8("drawer\n"));
      assertEquals(await readText(transport, "\n"), "reward\n");
      transport.close();
    },
  );
}

peerTest("TLS client shows its certificate to openssl s_server", OPENSSL, async () => {
  const port = freePort();
  await using peer = await server([
    "-Verify",
    "2",
    "-verify_return_error",
    "-CAfile",
    certPath("ca.pem"),
  ], port);
  const tls = { ca: CA, ...identity("client") };
  const transport = await dial({ hostname: "localhost", port }, {
    family: 4,
    tls,
    timeout: 20_000,
  });
  await peer.waitFor(/CN = Alice Client/, 10_000);
  transport.close();
});

peerTest(
  "TLS client speaks with socat's OpenSSL listener, and ends whole",
  { needs: ["socat"] },
  async () => {
    await using folder = await tempFolder();
    const pem = `${folder.path}/server.pem`;
    await Deno.writeTextFile(pem, SERVER.cert + SERVER.key);
    const port = freePort();
    await using _socat = await spawnPeer("socat", [
      `OPENSSL-LISTEN:${port},bind=127.0.0.1,reuseaddr,cert=${pem},verify=0,fork`,
      "EXEC:cat",
    ], { ready: port });
    const big = "x".repeat(300_000);
    const transport = await dial({ hostname: "127.0.0.1", port }, {
      tls: { ca: CA },
      timeout: 20_000,
    });
    const reading = readText(transport, `${big}end`);
    await writeAll(transport, utf8(`${big}end`));
    assertEquals((await reading).length, 300_003);
    transport.close();
  },
);

const NODE_SERVER = `
const tls = require("node:tls"), fs = require("node:fs");
const [dir] = process.argv.slice(1);
const read = (name) => fs.readFileSync(dir + name);
const server = tls.createServer({ cert: read("server.pem"), key: read("server.key"), ca: read("ca.pem"),
  requestCert: true, rejectUnauthorized: false, ALPNProtocols: ["echo"], allowHalfOpen: true }, (socket) => {
  socket.on("error", () => {});
  const { subject } = socket.getPeerCertificate();
  socket.write(JSON.stringify({ authorized: socket.authorized, name: subject && subject.CN,
    servername: socket.servername, alpn: socket.alpnProtocol }) + "\\n");
  socket.pipe(socket);
});
server.listen(0, "127.0.0.1", () => console.log("port=" + server.address().port));
`;

peerTest("TLS client and Node's tls server agree", { needs: ["node"] }, async () => {
  await using node = await spawnPeer("node", ["-e", NODE_SERVER, certPath("")], {
    ready: /port=\d+/,
  });
  const port = Number(/port=(\d+)/.exec(node.stdout)![1]);
  const tls = { ca: CA, ...identity("client"), ALPNProtocols: ["echo"] };
  const transport = await dial({ hostname: "localhost", port }, {
    family: 4,
    tls,
    timeout: 20_000,
  });
  assertEquals(JSON.parse(await readText(transport, "\n")), {
    authorized: true,
    name: "Alice Client",
    servername: "localhost",
    alpn: "echo",
  });
  const data = "y".repeat(500_000);
  const reading = readText(transport);
  await writeAll(transport, utf8(data));
  await transport.closeWrite(); // half close: Node echoes all, then ends
  assertEquals((await reading).length, data.length);
  transport.close();
});

peerTest("TLS server and Node's tls client agree", { needs: ["node"] }, async () => {
  using listener = listen();
  const program = `
    const tls = require("node:tls"), fs = require("node:fs");
    const socket = tls.connect({ port: ${listener.addr.port}, host: "127.0.0.1", servername: "localhost",
      ca: fs.readFileSync(process.argv[1]) }, () => {
      process.stdout.write(socket.authorized + " " + socket.getProtocol() + " ");
      socket.end("hello\\n");
    });
    socket.on("data", (data) => process.stdout.write(data));
    socket.on("end", () => process.stdout.write("end"));
    socket.on("error", (error) => process.stdout.write(error.code));`;
  const [{ stdout }, outcome] = await Promise.all([
    runPeer("node", ["-e", program, certPath("ca.pem")]),
    echoOnce(listener, SERVER),
  ]);
  assertEquals(stdout, "true TLSv1.3 echo: hello\nend");
  assertEquals(tlsInfo(outcome as Transport)?.servername, "localhost");
});

peerTest(
  "secure server answers openssl s_client, by a new certificate when it is changed",
  OPENSSL,
  async () => {
    const server = createSecureServer({ ...SERVER, ALPNProtocols: ["echo"] }, (socket) => {
      socket.once("data", (chunk) => socket.end(`${socket.getProtocol()} ${chunk}`));
    });
    await server.listen(0, "127.0.0.1");
    const ask = async (): Promise<string> => {
      const output = await openssl(server.port, [
        "-alpn",
        "echo",
        "-ign_eof",
        "-verify_return_error",
      ]);
      assert(output.includes("TLSv1.3 hello\n") && output.includes("ALPN protocol: echo"), output);
      assert(!/unexpected eof/i.test(output), output);
      return /-----BEGIN CERTIFICATE-----[^-]*/.exec(output)![0];
    };
    const first = await ask();
    server.setSecureContext(identity("renewed"));
    assert(first !== await ask());
    await server.close();
  },
);

peerTest(
  "secure server takes Node's tls clients, and their certificates",
  { needs: ["node"] },
  async () => {
    const server = createSecureServer({ ...SERVER, ca: CA, requestCert: true }, (socket) => {
      socket.write(
        `${socket.authorized} ${socket.getPeerCertificate()?.subject.CN} ${socket.servername}\n`,
      );
      socket.pipe(socket);
    });
    await server.listen(0, "127.0.0.1");
    const program = `
    const tls = require("node:tls"), fs = require("node:fs");
    const [port, dir] = process.argv.slice(1);
    const read = (name) => fs.readFileSync(dir + name);
    const socket = tls.connect({ port, host: "127.0.0.1", servername: "localhost", ca: read("ca.pem"),
      cert: read("client.pem"), key: read("client.key") });
    let size = 0, text = "";
    socket.on("data", (data) => { size += data.length; text += data.toString("latin1", 0, 60); });
    socket.on("end", () => console.log(text.split("\\n")[0], size));
    socket.on("error", (error) => console.log(error.code));
    socket.end(Buffer.alloc(400000, "z"));`;
    const { stdout } = await runPeer("node", ["-e", program, String(server.port), certPath("")]);
    assertEquals(stdout, "true Alice Client localhost 400028\n");
    await server.close();
  },
);

peerTest("sockets of connectTls speak with openssl s_server", OPENSSL, async () => {
  const port = freePort();
  await using _openssl = await server(["-rev", "-quiet"], port);
  const socket = connectTls({ host: "127.0.0.1", port, ca: CA });
  socket.write("stressed\n");
  const [chunk] = await once(socket, "data");
  assertEquals(String(chunk), "desserts\n");
  assertEquals(socket.getPeerCertificate()?.subject.CN, "localhost");
  socket.destroy();
});

peerTest("sockets start TLS in place for openssl s_client (SMTP)", OPENSSL, async () => {
  const server = await createServer((socket) => {
    socket.write("220 mail.example ESMTP\r\n");
    socket.setEncoding("latin1").on("data", (line: string) => {
      if (line.startsWith("EHLO")) socket.write("250-mail.example\r\n250 STARTTLS\r\n");
      else if (line.startsWith("STARTTLS")) {
        socket.write("220 go ahead\r\n");
        socket.startServerTls(SERVER).catch(() => {});
      } else socket.end(`secret ${socket.encrypted} ${line}`);
    });
  }).listen(0, "127.0.0.1");
  const output = await openssl(server.port, [
    "-starttls",
    "smtp",
    "-ign_eof",
    "-verify_return_error",
  ]);
  assert(output.includes("secret true hello"), output);
  await server.close();
});
