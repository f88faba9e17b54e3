/**
 * The tables of docs/from_other_systems.md are complete, and the line of each row is part of a program that `deno task test:doc` runs.
 */
import { assert, assertEquals } from "@std/assert";

const page = await Deno.readTextFile(new URL("../../docs/from_other_systems.md", import.meta.url));

interface Section {
  title: string;
  rows: { there: string; here: string; example: string }[];
  /** The programs that are run. */
  code: string;
  /** Programs that are not. */
  ignored: number;
}

/** The cells of a table's row; a bar behind a backslash is a bar. */
function cells(line: string): string[] {
  return line.split(/(?<!\\)\|/).slice(1, -1).map((cell) => cell.trim().replaceAll("\\|", "|"));
}

function sections(): Section[] {
  return page.split(/^## /m).slice(1).map((text) => {
    const [title] = text.split("\n", 1);
    const code: string[] = [];
    let ignored = 0;
    const prose = text.replaceAll(/^```(.*)\n([\s\S]*?)^```$/gm, (_all, info, body) => {
      if (info === "ts") code.push(body);
      else ignored++;
      return "";
    });
    const rows = prose.split("\n")
      .filter((line) => line.startsWith("|") && !/^\| (---|there)/.test(line))
      .map((line) => {
        const [there, here, example, ...more] = cells(line);
        assert(example !== undefined && more.length === 0, `not three cells: ${line}`);
        return { there, here, example };
      });
    return { title, rows, code: code.join("\n"), ignored };
  });
}

const PAGE = new Map(sections().map((section) => [section.title, section]));

Deno.test("migration page: five systems, each with tables and programs, all of which are run", () => {
  assertEquals([...PAGE.keys()], [
    "Unified Remote",
    "WLangage",
    "Luvit and Node",
    "Socket.IO",
    "lua-websockets",
  ]);
  for (const { title, rows, code, ignored } of PAGE.values()) {
    assert(rows.length > 10, title);
    assert(code.includes("assert"), title);
    assertEquals(ignored, 0, `${title}: a program that is not run`);
  }
});

Deno.test("migration page: the example of every row is in a program of its section", () => {
  for (const { title, rows, code } of PAGE.values()) {
    for (const { there, here, example } of rows) {
      assert(there !== "" && here !== "", `${title}: an empty cell beside ${example}`);
      const line = /^`(.*)`$/.exec(example)?.[1];
      assert(line !== undefined, `${title}: ${there} has no example in backquotes`);
      assert(code.includes(line), `${title}: no program has the example of ${there}: ${line}`);
    }
  }
});

/** What each system has: the tables must name all of it. */
const NAMES: Record<string, string> = {
  "Unified Remote": `socket.new connect connected write close onconnect ondata onclose onerror
    buffer.new length available position at tostring tohex write writebuffer writestring writeline writebyte writebytes
    writeint8 writeint16 writeint32 writeint64 writefloat writedouble read readbuffer readstring readline readbyte
    readbytes readint8 readint16 readint32 readint64 readfloat readdouble`,
  "WLangage":
    `SocketCrée SocketCreate SocketCréeUDP SocketCreateUDP SocketCréeSSL SocketCreateSSL SocketCréeBluetooth
    SocketCreateBluetooth SocketCréeInfraRouge SocketCreateInfraRed SocketAttendConnexion SocketWaitForConnection
    SocketAccepte SocketAccept SocketRefuse SocketDeny SocketConnecte SocketConnect SocketConnecteSSL SocketConnectSSL
    SocketConnecteBluetooth SocketConnectBluetooth SocketConnecteInfraRouge SocketConnectInfraRed SocketEcrit
    SocketWrite SocketLit SocketRead SocketClientInfo SocketExiste SocketExist SocketFerme SocketClose
    SocketChangeModeTransmission SocketChangeTransmissionMode SocketParamètre SocketParameter SocketProxy
    WebSocketClientConnecte WebSocketClientConnect WebSocketClientConnecteSSL WebSocketClientConnectSSL
    ErreurDétectée ErreurInfo BTListePériphérique
    SocketTailleDébut SocketMarqueurFin SocketEndTag SocketMarqueurFinBuffer SocketEndTagBuffer SocketSansMarqueurFin
    SocketNoEndTag SocketAdresse SocketAddress SocketPort SocketNagleOff SocketAdresseUnique SocketOuverture
    SocketMessage SocketFermeture SocketErreur Infini`,
  "Luvit and Node":
    `createServer listen address getConnections maxConnections drop close net.connect createConnection
    net.Socket data end error timeout drain lookup write _end shutdown destroy pause resume setNoDelay nodelay
    setKeepAlive keepalive getsockname remoteAddress remotePort localAddress localPort bytesRead bytesWritten bufferSize
    BlockList isIP tls.createServer createCredentials setSecureContext addContext sni secureConnection tlsClientError
    tls.connect rejectUnauthorized authorized authorizationError getPeerCertificate getProtocol version`,
  "lua-websockets":
    `client.new client.sync client.copas client.ev connect send receive close state TEXT BINARY
    CONTINUATION CLOSE PING PONG on_open on_message on_close on_error port interface protocols default loop sock broadcast
    start listen frame.encode frame.decode upgrade_request http_headers parse_url`,
};

Deno.test("migration page: the tables name everything that the systems have", () => {
  for (const [title, names] of Object.entries(NAMES)) {
    const there = PAGE.get(title)!.rows.map((row) => row.there).join("\n");
    for (const name of names.split(/\s+/)) {
      const found = new RegExp(
        `(?<![\\p{L}\\w])${name.replaceAll(".", "\\.")}(?![\\p{L}\\w])`,
        "u",
      );
      assert(found.test(there), `${title}: no row for ${name}`);
    }
  }
});
