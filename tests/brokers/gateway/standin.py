"""Stands in for a provider of messages: records each request, and answers as the provider does.

    standin.py PORT LOG twilio|sendgrid|messagebird

LOG becomes JSON lines with method, path, headers, body and the answer; bodies in Latin-1, which keeps every byte. A message
to fail-429@example.org or +15005550429 is answered with an error of that status.
"""

import http.server
import json
import re
import sys
import threading
import urllib.parse

FAIL = re.compile(rb"fail-([45]\d\d)@|15005550([45]\d\d)")


def twilio(method, path, body):
    if path.endswith("/Calls.json"):
        return 201, {"sid": "CA" + "6b" * 16}, {}
    found = re.fullmatch(r"/2010-04-01/Accounts/(AC\w+)/Messages(?:/(SM\w+))?\.json", path)
    if not found:
        return twilio_error(404, body)
    form = dict(urllib.parse.parse_qsl(body.decode("utf-8"), keep_blank_values=True))
    sid = found[2] or "SM" + "5a" * 16
    # Twilio repeats the text in its answer.
    return 200 if found[2] else 201, {
        "account_sid": found[1], "api_version": "2010-04-01", "body": form.get("Body", ""), "sid": sid, "status": "queued",
        "date_created": "Thu, 24 Aug 2023 05:01:45 +0000", "date_sent": None, "date_updated": "Thu, 24 Aug 2023 05:01:45 +0000",
        "direction": "outbound-api", "error_code": None, "error_message": None, "from": form.get("From"),
        "messaging_service_sid": form.get("MessagingServiceSid"), "num_media": "0", "num_segments": "1", "price": None,
        "price_unit": "USD", "to": form.get("To"), "subresource_uris": {}, "uri": path,
    }, {"Twilio-Request-Id": "RQ" + "0" * 32}


def twilio_error(status, _):
    return status, {"code": 21211, "message": "The 'To' number is not a valid phone number.", "status": status,
                    "more_info": "https://www.twilio.com/docs/errors/21211"}, {}


def sendgrid(method, path, body):
    if (method, path) != ("POST", "/v3/mail/send"):
        return sendgrid_error(404, body)
    return 202, None, {"X-Message-Id": "14c5d75ce93.dfd.64b469"}


def sendgrid_error(status, _):
    return status, {"errors": [{"message": "The provided address is not deliverable", "field": "personalizations", "help": None}]}, {}


def messagebird(method, path, body):
    asked = json.loads(body or b"{}")
    if method != "POST" or path not in ("/messages", "/voicemessages"):
        return messagebird_error(404, body)
    numbers = asked.get("recipients", [])
    numbers = numbers.split(",") if isinstance(numbers, str) else numbers
    when = "2016-05-03T14:26:57+00:00"
    return 201, {
        "id": "e8077d803532c0b5937c639b60216938", "href": f"https://rest.messagebird.com{path}/e8077d803532c0b5937c639b60216938",
        "direction": "mt", "type": "sms", "originator": asked.get("originator"), "body": asked.get("body"),
        "reference": asked.get("reference"), "validity": None, "gateway": 10, "typeDetails": {}, "datacoding": "plain", "mclass": 1,
        "scheduledDatetime": None, "createdDatetime": when, "recipients": {
            "totalCount": len(numbers), "totalSentCount": len(numbers), "totalDeliveredCount": 0, "totalDeliveryFailedCount": 0,
            "items": [{"recipient": int(n), "status": "sent", "statusDatetime": when} for n in numbers],
        },
    }, {}


def messagebird_error(status, _):
    return status, {"errors": [{"code": 9, "description": "no (correct) recipients found", "parameter": "recipients"}]}, {}


class Provider(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        failing = FAIL.search(urllib.parse.unquote_to_bytes(body))
        respond, fail = self.server.answers
        status, reply, headers = fail(int(failing[1] or failing[2]), body) if failing else respond(self.command, self.path, body)
        # Indented as some providers do, so that an answer that was read and written anew would show.
        reply = b"" if reply is None else json.dumps(reply, indent=1, ensure_ascii=False).encode()
        with self.server.lock:
            line = {"method": self.command, "path": self.path, "headers": self.headers.items(), "body": body.decode("latin-1"),
                    "status": status, "reply": reply.decode("latin-1")}
            self.server.log.write(json.dumps(line) + "\n")
            self.server.log.flush()
        self.send_response(status)
        for name, value in [*headers.items(), ("Content-Type", "application/json; charset=utf-8"), ("Content-Length", str(len(reply)))]:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply)

    do_GET = do_POST = do_PUT = do_DELETE = answer

    def log_message(self, *_):
        pass


def main(port, log, provider):
    answers = {"twilio": (twilio, twilio_error), "sendgrid": (sendgrid, sendgrid_error), "messagebird": (messagebird, messagebird_error)}
    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(port)), Provider)
    server.answers, server.lock, server.log = answers[provider], threading.Lock(), open(log, "a", encoding="ascii")
    print("open", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    if len(sys.argv) != 4:
        raise SystemExit(__doc__)
    main(*sys.argv[1:])
