"""The mail proxy between TLS and logins on either side: smtplib as the client, aiosmtpd as the relay.

    mail_tls.py SCRUBJAY

What scrubjay sends to the relay is recorded as it is on the wire, so that it is seen what goes out in clear. Needs aiosmtpd;
certificates are those of the folder `tls`.
"""

import email.message
import email.policy
import logging
import os
import re
import smtplib
import socket
import ssl
import sys
import threading
import time

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from kit import BIRTH, MRN, NAME, PATIENCE, SSN, TEXT, TLS, Site, free_port

USER, PASSWORD = "mailer", "open-sesame-219"
# What the client may say before TLS to the relay; XFORWARD and a login are no such thing.
BEFORE_TLS = re.compile(rb"(?i:(EHLO|HELO|LHLO) [^\r\n]+\r\n|STARTTLS\r\n|QUIT\r\n|NOOP\r\n|RSET\r\n)*")


class Relay:
    """An aiosmtpd behind a wire that is recorded."""

    def __init__(self, starttls=True, implicit=False, login=True, without=()):
        self.mails, self.tries, self.sent, self.lock = [], [], [], threading.Lock()
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(os.path.join(TLS, "server.pem"))
        inside = free_port()
        self.controller = Controller(
            self, "127.0.0.1", inside, ssl_context=context if implicit else None, tls_context=context if starttls else None,
            require_starttls=starttls, auth_required=login, auth_require_tls=starttls, authenticator=self.check if login else None,
            auth_exclude_mechanism=without, ready_timeout=PATIENCE, server_hostname="localhost")
        self.controller.start()
        self.wire = socket.create_server(("127.0.0.1", 0))
        self.port = self.wire.getsockname()[1]
        threading.Thread(target=self.tap, args=(inside,), daemon=True).start()

    def check(self, server, session, envelope, mechanism, data):
        good = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
        self.tries.append((mechanism, good))
        return AuthResult(success=good, handled=False)

    async def handle_DATA(self, server, session, envelope):
        self.mails.append((envelope.mail_from, envelope.rcpt_tos, envelope.content))
        return "250 2.0.0 taken as number 1"

    def tap(self, inside):
        while True:
            near, _ = self.wire.accept()
            far = socket.create_connection(("127.0.0.1", inside))
            # What is said in this connection; the list is what all said.
            said = bytearray()
            with self.lock:
                self.sent.append(said)
            for a, b, into in [(near, far, said), (far, near, None)]:
                threading.Thread(target=self.copy, args=(a, b, into), daemon=True).start()

    def copy(self, a, b, into):
        try:
            while data := a.recv(1 << 16):
                if into is not None:
                    into += data
                b.sendall(data)
            b.shutdown(socket.SHUT_WR)
        except OSError:
            # Either side may hang up at any time.
            for each in (a, b):
                each.close()


def mail(text=TEXT, subject=f"For {NAME}: MRN {MRN}"):
    made = email.message.EmailMessage()
    made["From"], made["To"], made["Subject"] = "clinic@example.org", "pat@example.net", subject
    made.set_content(text, cte="base64")
    made.add_alternative(f"<p>Dear {NAME}, SSN <b>219-10</b>-9999, date of birth {BIRTH}</p>", subtype="html", cte="quoted-printable")
    return made


class Run:
    def __init__(self, site):
        self.site, self.ports = site, {}
        self.password = site.file("password", PASSWORD)
        site.file("wrong", "open-barley")
        self.trusting = ssl.create_default_context(cafile=os.path.join(TLS, "ca.pem"))

    def set_up(self, name, relay, tls, login=None, implicit=False, ca="ca.pem", certificate=True):
        """A gateway between clients and a relay."""
        self.ports[name] = free_port()
        pem = os.path.join(TLS, "server.pem")
        source = f'[source.smtp]\nlisten = "127.0.0.1:{self.ports[name]}"\nimplicit_tls = {str(implicit).lower()}\n'
        source += f'certificate = "{pem}"\nkey = "{pem}"\n' if certificate else ""
        sink = f'[sink.smtp]\nrelay = "127.0.0.1:{relay.port}"\ntls = "{tls}"\nca_file = "{os.path.join(TLS, ca)}"\n'
        sink += f'user = "{USER}"\npassword = "file:{login}"\n' if login else ""
        self.site.gateway(name, source + sink + '[mail]\nsubject = "redact"\n')
        return relay

    def client(self, name, implicit=False, starttls=True):
        # The certificate and its name are checked.
        if implicit:
            client = smtplib.SMTP_SSL("localhost", self.ports[name], timeout=PATIENCE, context=self.trusting)
            client.ehlo()
            return client
        client = smtplib.SMTP("localhost", self.ports[name], timeout=PATIENCE)
        client.ehlo()
        if starttls:
            self.site.must(not client.has_extn("auth"), f"{name}: a login is offered in clear")
            client.starttls(context=self.trusting)
            client.ehlo()
        return client

    def arrived(self, name, relay, mechanism=None):
        """The one mail that is at the relay, and what was on the wire."""
        site = self.site
        site.same(f"{name}: mails", len(relay.mails), 1)
        for sender, recipients, content in relay.mails:
            site.same(f"{name}: envelope", (sender, recipients), ("clinic@example.org", ["pat@example.net"]))
            site.clean(f"{name}: mail", content)
            got = email.message_from_bytes(content, policy=email.policy.default)
            site.same(f"{name}: subject", got["Subject"], "For [NAME]: MRN [MRN]")
            site.same(f"{name}: addresses", (got["From"], got["To"]), ("clinic@example.org", "pat@example.net"))
            site.same(f"{name}: text", got.get_body(("plain",)).get_content().strip(),
                      "Dear [NAME], your SSN [SSN] and MRN [MRN] are on file. Date of birth: 1962.")
        if mechanism:
            site.same(f"{name}: logins", relay.tries, [(mechanism, True)])
        self.wire(name, relay)

    def refused(self, name, relay):
        self.site.same(f"{name}: mails", relay.mails, [])
        self.wire(name, relay)

    def wire(self, name, relay):
        """Nothing but greetings before TLS, and afterwards nothing that can be read."""
        site = self.site
        for said in map(bytes, list(relay.sent)):
            rest = said[BEFORE_TLS.match(said).end():]
            # A record of TLS: a handshake, of a version 3.x.
            site.must(rest == b"" or rest[:2] == b"\x16\x03", f"{name}: in clear: {rest[:200]!r}")
            site.clean(f"{name}: on the wire", said)
            for word in (b"MAIL FROM", b"AUTH", b"Subject", b"example", PASSWORD.encode()):
                site.must(word not in said, f"{name}: {word} in clear")

    def send(self, name, client):
        code, words = client.docmd("MAIL", "FROM:<clinic@example.org>")
        self.site.same(f"{name}: MAIL", code, 250)
        self.site.same(f"{name}: RCPT", client.docmd("RCPT", "TO:<pat@example.net>")[0], 250)
        # smtplib tells no words of a reply that is good, but its methods do.
        self.site.same(f"{name}: reply", client.data(mail().as_bytes()), (250, b"2.0.0 taken as number 1"))
        client.quit()

    def not_sent(self, name, attempt):
        """The client is told 4xx or 5xx, and why in words that say nothing of the mail or the login."""
        try:
            code, words = attempt()
        except smtplib.SMTPConnectError as error:
            code, words = error.smtp_code, error.smtp_error
        self.site.must(400 <= code < 600, f"{name}: {code} {words!r}")
        self.site.clean(f"{name}: reply", words)
        for word in (PASSWORD, "open-barley"):
            self.site.must(word.encode() not in words, f"{name}: {words!r}")
        return code, words

    def first_mail(self, name, client):
        """The reply to MAIL, or of a session that does not begin the greeting."""
        def attempt():
            with client() as c:
                return c.docmd("MAIL", "FROM:<clinic@example.org>")
        return self.not_sent(name, attempt)

    def all(self):
        site, wrong = self.site, os.path.join(self.site.folder, "wrong")
        plain = self.set_up("login_plain", Relay(without=["LOGIN"]), "starttls", self.password)
        login = self.set_up("login_login", Relay(without=["PLAIN"]), "starttls", self.password)
        through = self.set_up("through", Relay(), "starttls")
        implicit = self.set_up("implicit", Relay(starttls=False, implicit=True, login=False), "implicit", implicit=True)
        false = self.set_up("false_password", Relay(), "starttls", wrong)
        bare = self.set_up("no_starttls", Relay(starttls=False, login=False), "starttls")
        stranger = self.set_up("other_authority", Relay(), "starttls", self.password, ca="other-ca.pem")
        clear = self.set_up("client_in_clear", Relay(), "starttls", self.password, certificate=False)
        for each in site.processes:
            each.ready("taken on")

        # The gateway's own login, in both ways that relays offer.
        for name, relay, mechanism in [("login_plain", plain, "PLAIN"), ("login_login", login, "LOGIN")]:
            client = self.client(name)
            site.must(not client.has_extn("auth"), f"{name}: a login is offered")
            self.send(name, client)
            self.arrived(name, relay, mechanism)
        # Clients that speak no TLS have it from here on.
        client = self.client("client_in_clear", starttls=False)
        site.must(not client.has_extn("starttls"), "client_in_clear: STARTTLS is offered")
        self.send("client_in_clear", client)
        self.arrived("client_in_clear", clear)
        client = self.client("implicit", implicit=True)
        self.send("implicit", client)
        self.arrived("implicit", implicit)

        # The client's login, both ways and wrong.
        for password, must in [("open-barley", 535), (PASSWORD, 235)]:
            for mechanism in ("plain", "login"):
                client = self.client("through")
                site.must(client.has_extn("auth"), "through: no login is offered")
                client.user, client.password = USER, password
                site.same("through: MAIL without a login", client.docmd("MAIL", "FROM:<clinic@example.org>")[0], 530)
                method = getattr(client, f"auth_{mechanism}")
                try:
                    code, _ = client.auth(mechanism.upper(), method, initial_response_ok=mechanism == "plain")
                except smtplib.SMTPAuthenticationError as error:
                    code = error.smtp_code
                site.same(f"through: {mechanism} with {password}", code, must)
                if must == 535:
                    self.not_sent("through", lambda: client.docmd("MAIL", "FROM:<clinic@example.org>"))
                    self.refused("through", through)
                    client.quit()
                else:
                    through.mails.clear()
                    self.send("through", client)
                    self.arrived("through", through)
        site.same("through: logins", sorted(through.tries), [("LOGIN", False), ("LOGIN", True), ("PLAIN", False), ("PLAIN", True)])

        # What must not go out.
        for name, relay in [("false_password", false), ("no_starttls", bare), ("other_authority", stranger)]:
            self.first_mail(name, lambda: self.client(name))
            self.refused(name, relay)
        site.must(false.tries and not any(good for _, good in false.tries), f"false_password: {false.tries}")
        for name, relay in [("false_password", false), ("no_starttls", bare), ("other_authority", stranger)]:
            site.must(relay.sent, f"{name}: the relay was not asked")


def main(scrubjay):
    began = time.monotonic()
    # aiosmtpd warns of what it does itself, and tells of each handshake that fails as it is to.
    logging.getLogger("mail.log").setLevel(logging.CRITICAL)
    with Site(scrubjay) as site:
        Run(site).all()
        return site.end(began)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    # The threads of relays end with the process.
    code = main(sys.argv[1])
    sys.stdout.flush()
    os._exit(code)
