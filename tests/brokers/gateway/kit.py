"""What the scripts of this folder share: what is planted, how it is looked for, and processes that come and go.

Nothing here shares code with Scrubjay: the readers of encodings are those of Python's library.
"""

import base64
import email.header
import html
import json
import os
import quopri
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse

PATIENCE = 180  # seconds, for things that take a tenth of one where nothing else runs
HERE = os.path.dirname(os.path.abspath(__file__))
TLS = os.path.join(HERE, "..", "tls")

NAME, SSN, MRN, BIRTH = "Maria Lopez", "219-10-9999", "4471902", "03/14/1962"
TEXT = f"Dear {NAME}, your SSN {SSN} and MRN {MRN} are on file. Date of birth: {BIRTH}."
# No part of these may arrive. Of a date the year may.
PLANTED = ["Maria", "Lopez", SSN, "219109999", "10-9999", MRN, "03/14", "1962-03-14"]

# Requests to 127.0.0.1 are for this machine, whatever the environment says of proxies.
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"


def words_of(raw):
    """Encoded words (RFC 2047), read, with what stands between them."""
    try:
        return str(email.header.make_header(email.header.decode_header(raw.decode("latin-1")))).encode()
    except (ValueError, LookupError, UnicodeError):
        return b""


def base64_of(raw):
    """What every run of base64 in `raw` says, on one line or many, wherever in it the first group begins."""
    for pattern in (rb"[A-Za-z0-9+/_-]{4,}=*", rb"(?:[A-Za-z0-9+/_-]{4,}\s*)+=*"):
        for run in re.findall(pattern, raw):
            run = re.sub(rb"[\s=]", b"", run).replace(b"-", b"+").replace(b"_", b"/")
            for piece in (run[start:] for start in range(4)):
                # One letter beyond a group of four says nothing.
                piece = piece[:-1] if len(piece) % 4 == 1 else piece
                yield base64.b64decode(piece + b"=" * (-len(piece) % 4))


def unescaped(raw):
    """JSON's escapes, read wherever they stand."""
    simple = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"/": b"/", b"\\": b"\\", b'"': b'"'}
    return re.sub(rb'\\(?:u([0-9a-fA-F]{4})|([nrt/\\"]))',
                  lambda m: chr(int(m[1], 16)).encode("utf-8", "replace") if m[1] else simple[m[2]], raw)


def readings(raw):
    """`raw`, and what it is in every encoding that it may stand in, and in encodings in encodings."""
    seen, now = {raw}, [raw]
    for _ in range(4):
        then = []
        for each in now:
            text = each.decode("utf-8", "replace")
            then += [
                urllib.parse.unquote_to_bytes(each.replace(b"+", b" ")),
                quopri.decodestring(each),
                unescaped(each),
                words_of(each),
                html.unescape(re.sub(r"<!--|-->|<[^>]*>", "", text)).encode(),
                # Names and values of attributes, and comments, are no less readable than what stands between tags.
                html.unescape(text).encode(),
                *base64_of(each),
            ]
        # Text in another order of bytes, or in none, is nothing to go on with.
        now = [each for each in set(then) - seen if len(each) > 4]
        seen.update(now)
    return seen


def planted_in(raw):
    """Which of the planted values can be read in `raw`."""
    everything = readings(raw)
    everything |= {re.sub(rb"\r?\n[ \t]?", b"", each) for each in everything}
    return sorted(v for v in PLANTED if any(v.lower().encode() in each.lower() for each in everything))


def says(raw, words):
    """Whether `words` can be read in `raw`."""
    return any(words.encode() in each for each in readings(raw))


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(what, happened, patience=PATIENCE):
    """Waits until `happened()` is something, and returns it."""
    deadline = time.monotonic() + patience
    while True:
        found = happened()
        if found:
            return found
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {patience} s in vain: {what}")
        time.sleep(0.02)


class Process:
    """A program, and what it says in a file."""

    def __init__(self, name, command, folder, **environment):
        self.name, self.said = name, os.path.join(folder, f"{name}.log")
        with open(self.said, "wb") as log:
            self.child = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                          env={**os.environ, **environment})

    def log(self):
        with open(self.said, "rb") as log:
            return log.read()

    def ended(self):
        """Says so if it has ended, as it must not."""
        if self.child.poll() is not None:
            raise RuntimeError(f"{self.name} has ended with {self.child.returncode}: {self.log().decode(errors='replace')}")

    def ready(self, words):
        """Waits until it has said `words`."""
        wait_for(f"{self.name} says: {words}", lambda: words.encode() in self.log() or self.ended())
        return self

    def stop(self):
        """Asks it to end, and waits; its exit code."""
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
        try:
            return self.child.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
            return "no end in time"


class Site:
    """A folder, and the programs that run in it until the end of a `with`."""

    def __init__(self, scrubjay):
        self.scrubjay = os.path.abspath(scrubjay)
        self.temporary = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self.folder = self.temporary.name
        self.processes, self.wrong, self.made = [], [], 0

    def __enter__(self):
        return self

    def __exit__(self, kind, error, _):
        if error is not None:
            for each in self.processes:
                print(f"--- {each.name}\n{each.log().decode(errors='replace')[-3000:]}", file=sys.stderr)
        for each in reversed(self.processes):
            each.stop()
        self.temporary.cleanup()

    def file(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as file:
            # Else scrubjay does not take passwords from it.
            os.chmod(path, 0o600)
            file.write(text if isinstance(text, bytes) else text.encode())
        return path

    def start(self, name, command, **environment):
        process = Process(name, command, self.folder, **environment)
        self.processes.append(process)
        return process

    def script(self, name, *args):
        """One of the scripts beside this one, once it is open."""
        path = os.path.join(HERE, name)
        return self.start(name, [sys.executable, "-W", "ignore", path, *map(str, args)]).ready("open")

    def gateway(self, name, pipeline, **environment):
        """scrubjay with a pipeline; `.ready("taken on")` waits until it listens."""
        return self.start(name, [self.scrubjay, "run", self.file(f"{name}.toml", pipeline)], **environment)

    def must(self, good, what):
        """One check."""
        self.made += 1
        if not good:
            self.wrong.append(what)

    def same(self, what, is_, must_be):
        self.must(is_ == must_be, f"{what}: {is_!r} instead of {must_be!r}")

    def clean(self, what, raw):
        """Nothing planted can be read in `raw`."""
        found = planted_in(raw)
        self.must(not found, f"{what}: {found} in {raw[:2000]!r}")

    def end(self, began):
        """Ends the gateways, which must end well and have logged nothing planted; says what is wrong. The exit code."""
        for each in self.processes:
            if each.child.args[0] == self.scrubjay:
                self.same(f"{each.name}: exit code", each.stop(), 0)
                self.clean(f"the log of {each.name}", each.log())
        print(f"{self.made} checks in {time.monotonic() - began:.1f} s; {len(self.wrong)} things wrong")
        for what in self.wrong[:20]:
            print(what)
        return 1 if self.wrong else 0


def lines_of(path):
    """A log of JSON lines."""
    with open(path, encoding="ascii") as file:
        return [json.loads(line) for line in file]
