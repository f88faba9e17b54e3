# python3-websockets as a server or as a client. The first argument is JSON: see WebSocketPeerTask in
# tests/_support/websocket_interop.ts.
import asyncio
import json
import re
import ssl
import sys

import websockets
from websockets.extensions.permessage_deflate import (
    ClientPerMessageDeflateFactory,
    ServerPerMessageDeflateFactory,
)

task = json.loads(sys.argv[1])


def extensions(factory):
    """The compression that the task asks for, in the names of this library."""
    deflate = task.get("deflate", False)
    if deflate is False:
        return {"compression": None}
    names = {
        "serverNoContextTakeover": "server_no_context_takeover",
        "clientNoContextTakeover": "client_no_context_takeover",
        "serverMaxWindowBits": "server_max_window_bits",
        "clientMaxWindowBits": "client_max_window_bits",
    }
    params = {} if deflate is True else {
        names[key]: value for key, value in deflate.items() if key in names
    }
    return {"compression": None, "extensions": [factory(**params)]}


async def fragments(ws):
    async def parts():
        yield "frag"
        yield "men"
        yield "ted ✓"
    await ws.send(parts())


async def obey(ws):
    """Does what texts that begin with a slash ask for, and echoes all else."""
    try:
        async for message in ws:
            found = re.fullmatch(r"/(\w+) ?(.*)", message, re.S) if isinstance(message, str) else None
            command, rest = found.groups() if found else (None, None)
            if command == "fragments":
                await fragments(ws)
            elif command == "ping":
                await (await ws.ping(rest))
                await ws.send("ponged " + rest)
            elif command == "close":
                code, _, reason = rest.partition(" ")
                if code == "":
                    await ws.close()
                else:
                    await ws.close(int(code), reason)
            elif command == "terminate":
                ws.transport.abort()
            else:
                await ws.send(message)
    except websockets.ConnectionClosedError:
        pass
    await ws.wait_closed()
    print("closed", ws.close_code, ws.close_reason, flush=True)


async def serve():
    tls = None
    if "tls" in task:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(task["tls"]["cert"], task["tls"]["key"])
    common = dict(subprotocols=["interop"], ssl=tls, **extensions(ServerPerMessageDeflateFactory))
    if "path" in task:
        async with websockets.unix_serve(obey, task["path"], **common):
            print("listening 0", flush=True)
            await asyncio.Future()
    async with websockets.serve(obey, "127.0.0.1", 0, **common) as server:
        print("listening", server.sockets[0].getsockname()[1], flush=True)
        await asyncio.Future()


def connect():
    tls = ssl.create_default_context(cafile=task["tls"]["ca"]) if "tls" in task else None
    common = dict(subprotocols=["other", "interop"], **extensions(ClientPerMessageDeflateFactory))
    if "path" in task:
        return websockets.unix_connect(task["path"], task["url"], **common)
    return websockets.connect(task["url"], ssl=tls, **common)


def corpus():
    sizes = [0, 1, 125, 126, 127, 65535, 65536]
    rows = json.dumps([{"id": i, "name": "row %d" % i} for i in range(300)])
    pattern = bytes(i * i >> 3 & 255 for i in range(1 << 20))
    return (
        ["x" * size for size in sizes]
        + ["€🙂" * 20000, rows, "z" * (1 << 20)]
        + [pattern[:size] for size in sizes + [1 << 20]]
    )


async def closed(ws):
    await ws.wait_closed()
    return [ws.close_code, ws.close_reason]


async def client():
    report = {"echoed": 0}
    ws = await connect()
    report["protocol"] = ws.subprotocol
    report["compressed"] = any(one.name == "permessage-deflate" for one in ws.extensions)
    for message in corpus():
        await ws.send(message)
        if await ws.recv() == message:
            report["echoed"] += 1

    async def send_all():
        for i in range(500):
            await ws.send("message %d" % i)
    sending = asyncio.ensure_future(send_all())
    report["inOrder"] = True
    for i in range(500):
        if await ws.recv() != "message %d" % i:
            report["inOrder"] = False
    await sending
    await fragments(ws)
    report["sentFragments"] = await ws.recv()
    await ws.send("/fragments")
    report["gotFragments"] = await ws.recv()
    await (await ws.ping("are you there?"))
    report["pong"] = "are you there?"
    await ws.send("/ping hello")
    report["pinged"] = await ws.recv()
    await ws.close(4001, "bye ✓")
    report["closed"] = [ws.close_code, ws.close_reason]

    ws = await connect()
    await ws.send("/close 4002 so long")
    report["closedByServer"] = await closed(ws)

    ws = await connect()
    await ws.send("/terminate")
    report["terminated"] = await closed(ws)

    ws = await connect()
    await ws.send("x" * ((1 << 20) + 1))
    report["tooBig"] = (await closed(ws))[0]
    print(json.dumps(report))


asyncio.run(serve() if task["mode"] == "server" else client())
