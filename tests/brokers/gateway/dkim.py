"""Signatures of mail (DKIM) and the mail proxy: smtplib -> scrubjay -> Postfix with opendkim as its milter -> here.

    dkim.py SCRUBJAY

A signature that is made behind the scrub is good; one that was made before it, over what must not go out, is refused, or taken out with
`dkim = "strip"`. Needs root, Debian's postfix, opendkim and opendkim-tools, and aiosmtpd. The public key is read from a file: nothing asks the DNS.
"""

import email
import email.message
import email.policy
import os
import re
import smtplib
import socket
import subprocess
import sys
import time

from aiosmtpd.controller import Controller

from kit import HERE, MRN, NAME, PATIENCE, TEXT, Site, free_port, planted_in, wait_for

TRY = os.path.join(HERE, "..", "..", "..", "deploy", "postfix", "try.sh")
PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


class NextHop:
    def __init__(self):
        self.mails = []

    async def handle_DATA(self, server, session, envelope):
        self.mails.append(envelope.content)
        return "250 2.0.0 taken"


def tool(*command):
    """What a program says; it must end well."""
    ran = subprocess.run(command, env={**os.environ, "PATH": PATH}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, timeout=PATIENCE)
    if ran.returncode:
        raise RuntimeError(f"{command} ended with {ran.returncode}: {ran.stdout.decode(errors='replace')}")
    return ran.stdout


def listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
        return True
    except OSError:
        return False


def mail(number, subject, text):
    made = email.message.EmailMessage()
    made["From"], made["To"], made["Subject"] = "clinic@example.org", "pat@example.net", subject
    made["Date"], made["Message-ID"] = "Thu, 24 Aug 2023 05:01:45 +0000", f"<{number}@example.org>"
    made.set_content(text, cte="quoted-printable")
    return made.as_bytes(policy=email.policy.SMTP)


class Run:
    def __init__(self, site):
        self.site, folder = site, site.folder
        # Postfix changes its user.
        os.chmod(folder, 0o755)
        self.next = NextHop()
        # The set-up of Postfix for a milter serves any; here opendkim is in scrubjay's place.
        self.milter, self.relay, next_port = free_port(), free_port(), free_port()
        Controller(self.next, "127.0.0.1", next_port, ready_timeout=PATIENCE, server_hostname="localhost").start()
        self.ports = {}
        for way in ("refuse", "strip"):
            self.ports[way] = free_port()
            site.gateway(way, f'[source.smtp]\nlisten = "127.0.0.1:{self.ports[way]}"\n[sink.smtp]\nrelay = "127.0.0.1:{self.relay}"\n'
                              f'[mail]\nsubject = "redact"\n' + ('dkim = "strip"\n' if way == "strip" else ""))
        tool("opendkim-genkey", "-b", "2048", "-d", "example.org", "-s", "sel", "-D", folder)
        with open(os.path.join(folder, "sel.txt"), encoding="ascii") as file:
            record = "".join(re.findall(r'"([^"]*)"', file.read()))
        keys = site.file("keys", f"sel._domainkey.example.org {record}\n")
        signing = site.file("signing.conf", f"Mode s\nDomain example.org\nSelector sel\nKeyFile {folder}/sel.private\n"
                                            f"Socket inet:{self.milter}@127.0.0.1\nCanonicalization relaxed/simple\n"
                                            "RequireSafeKeys no\nSyslog no\nBackground no\n")
        self.verifying = site.file("verifying.conf", f"Mode v\nTestPublicKeys {keys}\n")
        self.opendkim = site.start("opendkim", ["opendkim", "-f", "-x", signing], PATH=PATH)
        tool("sh", TRY, "start", f"{folder}/postfix", "milter", str(self.relay), str(self.milter), "0", str(next_port))

    def stop(self):
        tool("sh", TRY, "stop", f"{self.site.folder}/postfix")

    def send(self, port, made):
        """The reply to the mail."""
        with smtplib.SMTP("127.0.0.1", port, timeout=PATIENCE) as client:
            client.ehlo()
            client.docmd("MAIL", "FROM:<clinic@example.org>")
            client.docmd("RCPT", "TO:<pat@example.net>")
            try:
                return client.data(made)
            except smtplib.SMTPDataError as error:
                return error.smtp_code, error.smtp_error

    def arrives(self, what, port, made):
        """Sends a mail, which must arrive; how it arrives."""
        before = len(self.next.mails)
        code, words = self.send(port, made)
        self.site.same(f"{what}: reply", code, 250)
        if code != 250:
            raise RuntimeError(f"{what}: {code} {words}")
        wait_for(f"{what}: the mail arrives", lambda: len(self.next.mails) > before)
        return self.next.mails[-1]

    def signatures(self, what, got, signed, good=True):
        """A mail bears so many signatures, and opendkim finds all of them good, or none."""
        fields = re.findall(rb"(?im)^DKIM-Signature:", got.split(b"\r\n\r\n")[0])
        self.site.same(f"{what}: signatures", len(fields), signed)
        path = self.site.file("mail", got.replace(b"\r\n", b"\n"))
        said = tool("opendkim", "-x", self.verifying, "-v", "-v", "-t", path)
        self.site.must(said.count(b"dkim=pass") == (signed if good else 0), f"{what}: {said.decode()}")

    def all(self):
        site = self.site
        for each in site.processes[:2]:
            each.ready("taken on")
        for what, port in [("opendkim", self.milter), ("Postfix", self.relay)]:
            wait_for(f"{what} listens", lambda: listens(port) or self.opendkim.ended())

        # Without the scrub: what is signed holds what is planted; and opendkim sees a change.
        signed = self.arrives("no scrub", self.relay, mail(1, f"For {NAME}: MRN {MRN}", TEXT))
        self.signatures("no scrub", signed, 1)
        site.must(planted_in(signed), "nothing planted is found where nothing scrubs")
        self.signatures("changed", signed.replace(b"Dear", b"Bear"), 1, good=False)
        # As an application would hand it in that signs by itself: without what the servers wrote above.
        signed = signed[signed.index(b"DKIM-Signature:"):]
        self.signatures("no scrub, again", signed, 1)

        # Signed behind the scrub.
        for way, port in self.ports.items():
            got = self.arrives(way, port, mail(2, f"For {NAME}: MRN {MRN}", TEXT))
            site.clean(f"{way}: mail", got)
            site.must(b"\r\nSubject: For [NAME]: MRN [MRN]\r\n" in got, f"{way}: {got!r}")
            self.signatures(way, got, 1)

        # Signed before it.
        before = len(self.next.mails)
        code, words = self.send(self.ports["refuse"], signed)
        site.same("signed before: reply", code, 550)
        site.must(words.startswith(b"5.7.1 refused: "), f"signed before: {words!r}")
        site.clean("signed before: reply", words)
        site.same("signed before: mails", len(self.next.mails), before)
        got = self.arrives("stripped", self.ports["strip"], signed)
        site.clean("stripped: mail", got)
        site.must(re.search(rb"\bb=([\w+/=\s]+)", signed)[1][:40] not in got, f"stripped: the old signature is there: {got!r}")
        self.signatures("stripped", got, 1)

        # What holds nothing keeps its signature, and that stays good; opendkim puts its own above it.
        signed = self.arrives("nothing in it", self.relay, mail(3, "Opening hours", "We are open from nine to five.\n.\n..\n"))
        signed = signed[signed.index(b"DKIM-Signature:"):]
        for way, port in self.ports.items():
            got = self.arrives(f"{way}, nothing in it", port, signed)
            site.must(got.endswith(signed), f"{way}, nothing in it: {got!r} instead of {signed!r}")
            self.signatures(f"{way}, nothing in it", got, 2)
            self.signatures(f"{way}, nothing in it: the first", got[got.index(signed):], 1)


def main(scrubjay):
    began = time.monotonic()
    with Site(scrubjay) as site:
        run = Run(site)
        try:
            run.all()
        finally:
            run.stop()
        return site.end(began)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    if os.geteuid() != 0:
        raise SystemExit("Postfix is started by root")
    # The next hop's thread ends with the process.
    code = main(sys.argv[1])
    sys.stdout.flush()
    os._exit(code)
