"""Stands in front of a broker that speaks plain Kafka: takes TLS connections, asks for a login, or both.

    gate.py PORT BROKER_PORT [--tls PEM] [--login USER:PASSWORD]

PEM holds the key and the certificate. The login is SASL PLAIN: its messages are answered here, everything after it goes
to the broker and back as it is. The broker must advertise PORT as its own.
"""

import argparse
import asyncio
import ssl
import struct

SASL_HANDSHAKE, API_VERSIONS, SASL_AUTHENTICATE = 17, 18, 36
OK, UNSUPPORTED_MECHANISM, AUTHENTICATION_FAILED = 0, 33, 58


async def frame(reader):
    """One message, without its length."""
    (length,) = struct.unpack(">i", await reader.readexactly(4))
    return await reader.readexactly(length)


def send(writer, message):
    writer.write(struct.pack(">i", len(message)) + message)


def text(value):
    return struct.pack(">h", len(value)) + value


async def admit(reader, writer, far_reader, far_writer, login):
    """Whether the client has logged in. Before that it may only ask what the broker can do."""
    while True:
        request = await frame(reader)
        api, version, correlation, client = struct.unpack(">hhih", request[:10])
        body, answer = request[10 + max(client, 0):], struct.pack(">i", correlation)
        if api == API_VERSIONS:
            send(far_writer, request)
            send(writer, await frame(far_reader))
        elif api == SASL_HANDSHAKE:
            error = OK if body[2:] == b"PLAIN" else UNSUPPORTED_MECHANISM
            send(writer, answer + struct.pack(">hi", error, 1) + text(b"PLAIN"))
        elif api == SASL_AUTHENTICATE and version < 2:
            # Authorisation identity, user and password, parted by zeros.
            good = body[4:].split(b"\0")[1:] == login.encode().split(b":", 1)
            error, why = (OK, struct.pack(">h", -1)) if good else (AUTHENTICATION_FAILED, text(b"no such user or password"))
            lifetime = struct.pack(">q", 0) if version == 1 else b""
            send(writer, answer + struct.pack(">h", error) + why + struct.pack(">i", 0) + lifetime)
            await writer.drain()
            return good
        else:
            return False


async def copy(reader, writer):
    while data := await reader.read(1 << 16):
        writer.write(data)
        await writer.drain()
    writer.close()


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("broker", type=int)
    parser.add_argument("--tls")
    parser.add_argument("--login")
    args = parser.parse_args()
    context = None
    if args.tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(args.tls)

    async def serve(reader, writer):
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", args.broker, limit=1 << 24)
        try:
            if not args.login or await admit(reader, writer, far_reader, far_writer, args.login):
                await asyncio.gather(copy(reader, far_writer), copy(far_reader, writer))
        except (OSError, asyncio.IncompleteReadError):
            pass  # one side has gone
        finally:
            writer.close()
            far_writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", args.port, ssl=context)
    print("open", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
