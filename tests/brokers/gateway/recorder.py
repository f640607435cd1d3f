"""Stands between a client of AWS and moto's server, which takes any signature: verifies each, records each request, and
passes it on.

    recorder.py PORT MOTO_PORT LOG ses|sns ID:SECRET [ID:SECRET...]

What is signed with none of these keys, or was changed on its way, is answered with 403 as AWS does. LOG becomes JSON lines as
those of standin.py, with `key`, the id of the key that has signed, and `wrong`, what is wrong with the signature.
"""

import datetime
import hashlib
import http.client
import http.server
import json
import re
import sys
import threading

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

REGION = "us-east-1"
SCHEME = re.compile(r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request, ?SignedHeaders=([^,]+), ?Signature=(\w+)")


def wrong_with(method, path, headers, body, keys, service):
    """The id of the key, and why the signature is none, or nothing."""
    names = [name.lower() for name, _ in headers]
    fields = {name.lower(): value for name, value in headers}
    if sum(name == "authorization" for name in names) != 1:
        return None, "not one signature"
    found = SCHEME.fullmatch(fields["authorization"])
    if not found:
        return None, "not a signature of version 4"
    key, day, region, of, signed, signature = found.groups()
    signed = signed.split(";")
    if key not in keys:
        return key, "of a key that is not known here"
    when = fields.get("x-amz-date", "")
    if (of, region, day) != (service, REGION, when[:8]):
        return key, "for another service, region or day"
    at = datetime.datetime.strptime(when, "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.timezone.utc)
    if abs((datetime.datetime.now(datetime.timezone.utc) - at).total_seconds()) > 300:
        return key, "too old, or of the future"
    # AWS demands these, and every x-amz- field that there is.
    must = {"host", "x-amz-date"} | {name for name in names if name.startswith("x-amz-")}
    if must - set(signed):
        return key, f"without {sorted(must - set(signed))}"
    if len(set(names)) != len(names):
        return key, "over a field that stands there twice"
    if fields.get("x-amz-content-sha256", hashlib.sha256(body).hexdigest()) != hashlib.sha256(body).hexdigest():
        return key, "over another body"
    request = AWSRequest(method, f"http://{fields['host']}{path}", {name: fields.get(name, "") for name in signed}, body)
    request.context["timestamp"] = when
    auth = SigV4Auth(Credentials(key, keys[key]), service, REGION)
    text = auth.string_to_sign(request, auth.canonical_request(request))
    return key, None if auth.signature(text, request) == signature else "of something else"


class Recorder(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = self.headers.items()
        key, wrong = wrong_with(self.command, self.path, headers, body, self.server.keys, self.server.service)
        if wrong:
            status, fields = 403, [("x-amzn-ErrorType", "SignatureDoesNotMatch")]
            reply = (json.dumps({"message": wrong}) if self.server.service == "ses" else
                     f"<ErrorResponse><Error><Code>SignatureDoesNotMatch</Code><Message>{wrong}</Message></Error></ErrorResponse>").encode()
        elif b'"Template"' in body:
            # Moto knows no templates in this API.
            status, fields, reply = 200, [("Content-Type", "application/json")], b'{"MessageId":"0100018f-template"}'
            if "bulk" in self.path:
                reply = b'{"BulkEmailEntryResults":[{"Status":"SUCCESS","MessageId":"0100018f-bulk"}]}'
        else:
            moto = http.client.HTTPConnection("127.0.0.1", self.server.moto, timeout=180)
            moto.request(self.command, self.path, body, dict(headers))
            answer = moto.getresponse()
            status, reply = answer.status, answer.read()
            hop = ("connection", "transfer-encoding", "content-length", "date", "server")
            fields = [(name, value) for name, value in answer.getheaders() if name.lower() not in hop]
            moto.close()
        with self.server.lock:
            line = {"method": self.command, "path": self.path, "headers": headers, "body": body.decode("latin-1"),
                    "status": status, "reply": reply.decode("latin-1"), "key": key, "wrong": wrong}
            self.server.log.write(json.dumps(line) + "\n")
            self.server.log.flush()
        self.send_response(status)
        for name, value in [*fields, ("Content-Length", str(len(reply)))]:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply)

    do_GET = do_POST = do_PUT = do_DELETE = answer

    def log_message(self, *_):
        pass


def main(port, moto, log, service, *keys):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(port)), Recorder)
    server.moto, server.service, server.keys = int(moto), service, dict(key.split(":", 1) for key in keys)
    server.lock, server.log = threading.Lock(), open(log, "a", encoding="ascii")
    print("open", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    if len(sys.argv) < 6:
        raise SystemExit(__doc__)
    main(*sys.argv[1:])
