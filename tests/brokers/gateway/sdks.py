"""Providers' own client libraries behind the gateway: what they send, what arrives, and what they are told.

    sdks.py SCRUBJAY twilio|sendgrid|messagebird|ses|sns

Each message is sent three times: straight to the stand-in, through a gateway that redacts, and through one that refuses. So it is known
what the library sends by itself; and that the checks find what is planted is seen where nothing scrubs it. For ses and sns the provider is
moto's server behind recorder.py, which verifies signatures; for the others it is standin.py.

Needs twilio, sendgrid, messagebird, boto3 and moto[server], of which only what the provider needs is loaded.
"""

import base64
import email.message
import http.client
import json
import logging
import os
import sys
import time
import urllib.parse

from kit import BIRTH, MRN, NAME, PATIENCE, SSN, TEXT, Site, free_port, lines_of, planted_in, says

CLEAN = "The clinic is open from nine to five. Come in at any time. Grüße @ {all} € ✓"
CLIENT_KEY, CLIENT_SECRET = "AKIACLIENT0000000000", "client/secret+0123456789"
GATEWAY_KEY, GATEWAY_SECRET, GATEWAY_TOKEN = "AKIAGATEWAY000000000", "gateway/secret+9876543210", "token/of+the/gateway=="
HTML = (f'<html><head><title>For {NAME}</title></head><body><p>Dear {NAME},</p><p title="SSN {SSN}">your SSN is <b>219-10</b>-9999, '
        f"your MRN&#58; {MRN}.</p><!-- date of birth {BIRTH} --></body></html>")
CLEAN_HTML = '<p class="a">We are open from <b>nine</b> to five &amp; on Mondays.</p>'


class Message:
    """`send(client)` sends it and returns what of the result is the same each time. Of `whom` each must be read in what arrives. What the
    gateway does not know (`known`) is refused in any case; `refused` is None where it may be refused or redacted."""

    def __init__(self, name, send, whom=(), planted=True, refused=True, known=True):
        self.name, self.send, self.whom, self.known = name, send, whom, known
        self.planted, self.refused = planted, refused if planted else False


def clean(name, send, whom=()):
    return Message(name, send, whom, planted=False)


class Twilio:
    account, number = "AC" + "0a" * 16, "+15005550006"

    def __init__(self):
        from twilio.base.exceptions import TwilioRestException
        from twilio.rest import Client
        self.library, self.exception = Client, TwilioRestException
        to = {"to": "+12125550123", "from_": self.number}
        template = {"content_sid": "HX" + "1b" * 16, "messaging_service_sid": "MG" + "2c" * 16, "to": "+12125550123"}
        whom = ["+12125550123", self.number]
        self.messages = [
            Message("text", lambda c: self.sent(c, body=TEXT, **to), whom),
            Message("text in two alphabets", lambda c: self.sent(c, body=f"Bonjour ✓ {TEXT} ą", **to), whom),
            Message("values of a template", lambda c: self.sent(
                c, content_variables=json.dumps({"1": f"Dear {NAME}", "2": f"SSN {SSN}", "3": f"MRN {MRN}, born {BIRTH}"}), **template),
                ["HX" + "1b" * 16, "MG" + "2c" * 16, "+12125550123"]),
            Message("a call", lambda c: c.calls.create(twiml=f"<Response><Say>{TEXT}</Say></Response>", **to).sid, known=False),
            clean("clean text", lambda c: self.sent(
                c, body=CLEAN, status_callback="https://clinic.example.org/status?of=all", **to)),
            clean("clean values", lambda c: self.sent(c, content_variables='{"1": "nine", "2": "five"}', **template)),
            clean("a text that is emptied", lambda c: c.messages("SM" + "3d" * 16).update(body="").sid),
            clean("a text that is read", lambda c: c.messages("SM" + "3d" * 16).fetch().sid),
        ]
        self.failing = [lambda c, status=status: self.sent(c, body=CLEAN, to=f"+15005550{status}", from_=self.number) for status in (400, 429, 503)]
        self.post = (f"/2010-04-01/Accounts/{self.account}/Messages.json", "application/x-www-form-urlencoded",
                     "To=%2B15005550400&From=%2B15005550006&Body=Open+at+nine")

    def client(self, port):
        client = self.library(self.account, "token")
        client.api.base_url = f"http://127.0.0.1:{port}"
        return client

    def sent(self, client, **fields):
        got = client.messages.create(**fields)
        return got.sid, got.status, got.to, got.from_

    def told(self, error):
        return error.status, error.code, error.msg


class SendGrid:
    def __init__(self):
        import python_http_client.exceptions
        import sendgrid
        import sendgrid.helpers.mail as helpers
        self.library, self.helpers = sendgrid.SendGridAPIClient, helpers
        self.exception = python_http_client.exceptions.HTTPError
        whom = ["clinic@example.org", "pat@example.net", "front-desk@example.org"]
        self.messages = [
            Message("subject, text, HTML, names, attachment", lambda c: self.sent(c, self.mail(
                f"For {NAME}: MRN {MRN}", TEXT, HTML, f"Notes\n{TEXT}\n", NAME)), whom),
            Message("values of a template", lambda c: self.sent(c, self.template(
                {"greeting": f"Dear {NAME}", "ssn": SSN, "of": {"mrn": MRN, "dob": BIRTH}}, f"SSN {SSN}")), whom[1:2], refused=False),
            Message("values and a subject of one recipient", lambda c: self.sent(c, self.personal(
                {"-greeting-": f"Dear {NAME}", "-ssn-": f"SSN {SSN}", "-dob-": f"date of birth {BIRTH}"}, f"For {NAME}: MRN {MRN}")), whom[:2]),
            Message("HTML in values", lambda c: self.sent(c, self.template({"body": HTML}, "spring")), whom[1:2], refused=False),
            Message("HTML in substitutions", lambda c: self.sent(c, self.personal({"-greeting-": HTML}, "News")), whom[:2], refused=False),
            Message("a calendar", lambda c: self.sent(c, self.calendar()), whom[:2], refused=False),
            Message("an attachment without a type", lambda c: self.sent(c, self.mail("News", "See the file.", CLEAN_HTML, HTML, kind=None)), whom,
                    refused=False),
            Message("an attachment alone", lambda c: self.sent(c, self.mail("News", "See the file.", CLEAN_HTML, f"Notes\n{TEXT}\n")), whom,
                    refused=False),
            clean("clean mail", lambda c: self.sent(c, self.mail("Opening hours", CLEAN, CLEAN_HTML, "Open\nat nine\n"))),
            clean("clean values", lambda c: self.sent(c, self.template({"open": "nine", "days": ["Monday", "Tuesday"]}, "spring"))),
        ]
        self.failing = [lambda c, status=status: self.sent(c, helpers.Mail("clinic@example.org", f"fail-{status}@example.org", "Hours", CLEAN))
                        for status in (400, 401, 429, 503)]
        self.post = ("/v3/mail/send", "application/json", json.dumps({
            "personalizations": [{"to": [{"email": "fail-400@example.org"}]}], "from": {"email": "clinic@example.org"}, "subject": "Hours",
            "content": [{"type": "text/plain", "value": "Open at nine"}]}))

    def client(self, port):
        return self.library("SG.key", host=f"http://127.0.0.1:{port}")

    def mail(self, subject, text, html, file, name="The Clinic", kind="text/plain"):
        h = self.helpers
        mail = h.Mail(h.From("clinic@example.org", "The Clinic"), h.To("pat@example.net", name), subject, text, html)
        mail.reply_to = h.ReplyTo("front-desk@example.org", name)
        mail.attachment = h.Attachment(h.FileContent(base64.b64encode(file.encode()).decode()),
                                       h.FileName("notes.txt" if kind else "notes.html"), kind and h.FileType(kind),
                                       h.Disposition("attachment"), h.ContentId("notes"))
        mail.category = [h.Category("visits"), h.Category("spring")]
        mail.header = h.Header("X-Campaign", "spring")
        mail.tracking_settings = h.TrackingSettings(h.ClickTracking(True, False))
        return mail

    def template(self, values, argument):
        h = self.helpers
        mail = h.Mail(h.From("clinic@example.org"), h.To("pat@example.net", dynamic_template_data=values))
        mail.template_id = "d-12345678901234567890abcdefabcdef"
        mail.custom_arg = h.CustomArg("campaign", argument)
        return mail

    def calendar(self):
        h = self.helpers
        mail = h.Mail("clinic@example.org", "pat@example.net", "News", "Open at nine")
        # Lines are folded wherever they are full.
        event = f"BEGIN:VEVENT\r\nSUMMARY:{TEXT[:35]}\r\n {TEXT[35:]}\r\nEND:VEVENT\r\n"
        mail.add_content(h.Content("text/calendar", f"BEGIN:VCALENDAR\r\n{event}END:VCALENDAR\r\n"))
        return mail

    def personal(self, values, subject):
        h = self.helpers
        to = h.To("pat@example.net", substitutions=[h.Substitution(*pair) for pair in values.items()], subject=subject)
        return h.Mail("clinic@example.org", [to], "Your visit", "-greeting- -ssn- -dob-", is_multiple=True)

    def sent(self, client, mail):
        got = client.send(mail)
        return got.status_code, got.body, got.headers["X-Message-Id"]

    def told(self, error):
        return error.status_code, type(error).__name__, error.body.decode()


class MessageBird:
    def __init__(self):
        import messagebird
        import messagebird.http_client
        import requests
        self.library = messagebird
        # What is no answer of the API is an exception of `requests` here.
        self.exception = (messagebird.client.ErrorException, requests.HTTPError)
        self.refusal = messagebird.client.ErrorException
        numbers, whom = ["12125550123", "12125550124"], ["12125550123,12125550124"]
        plain = {"reference": "spring", "datacoding": "unicode", "reportUrl": "https://clinic.example.org/status"}
        self.messages = [
            Message("text", lambda c: self.sent(c.message_create("Clinic", numbers, TEXT)), whom),
            Message("text in two alphabets", lambda c: self.sent(c.message_create("15005550006", numbers, f"Bonjour ✓ {TEXT} ą", dict(plain))),
                    ["15005550006", *whom]),
            Message("a call", lambda c: self.sent(c.voice_message_create(numbers, TEXT, {"language": "en-us", "voice": "female"})), whom),
            clean("clean text", lambda c: self.sent(c.message_create("Clinic", numbers, CLEAN, dict(plain)))),
            clean("a clean call", lambda c: self.sent(c.voice_message_create(numbers, CLEAN))),
        ]
        self.failing = [lambda c, status=status: self.sent(c.message_create("Clinic", f"15005550{status}", CLEAN)) for status in (401, 422, 503)]
        self.post = ("/messages", "application/json", '{"originator":"Clinic","recipients":"15005550422","body":"Open at nine"}')

    def client(self, port):
        return self.library.Client("key", self.library.http_client.HttpClient(f"http://127.0.0.1:{port}", "key", "test"))

    def sent(self, got):
        return got.id, got.recipients["totalSentCount"]

    def told(self, error):
        if isinstance(error, self.refusal):
            return [(each.code, each.description, each.parameter) for each in error.errors]
        return error.response.status_code, error.response.text


class Aws:
    """What SES and SNS have in common: keys, and moto, which runs in this process so that it can be asked what it has."""

    def __init__(self):
        import botocore.exceptions
        from moto.server import ThreadedMotoServer
        self.exception = botocore.exceptions.ClientError
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self.moto_port = free_port()
        ThreadedMotoServer("127.0.0.1", self.moto_port, verbose=False).start()
        self.failing, self.post = [], None

    def client(self, port, service=None, secret=CLIENT_SECRET):
        import boto3
        import botocore.config
        # One attempt: what is refused must be refused once.
        config = botocore.config.Config(retries={"total_max_attempts": 1}, connect_timeout=PATIENCE, read_timeout=PATIENCE)
        return boto3.client(service or self.service, region_name="us-east-1", endpoint_url=f"http://127.0.0.1:{port}",
                            aws_access_key_id=CLIENT_KEY, aws_secret_access_key=secret, config=config)

    def told(self, error):
        answer = error.response
        return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"], answer["Error"]["Message"]


class Ses(Aws):
    service = "sesv2"

    def __init__(self):
        super().__init__()
        self.refusal_name = "MessageRejected"
        to = {"ToAddresses": ["pat@example.net"], "CcAddresses": ["family@example.net"]}
        named = {"ToAddresses": [f'"{NAME}" <pat@example.net>'], "BccAddresses": ["records@example.org"]}
        whom = ["clinic@example.org", "pat@example.net"]
        data = json.dumps({"greeting": f"Dear {NAME}", "ssn": SSN, "mrn": MRN, "dob": BIRTH})
        values = '{"open": "nine", "days": ["Monday"]}'
        self.messages = [
            Message("simple", lambda c: self.sent(c, named, Simple=self.simple(f"For {NAME}: MRN {MRN}", TEXT, HTML, f"SSN {SSN}")),
                    [*whom, "records@example.org"]),
            Message("body alone", lambda c: self.sent(c, to, Simple=self.simple("News", TEXT, HTML)), [*whom, "family@example.net"], refused=False),
            Message("values of a template", lambda c: self.sent(c, to, Template={"TemplateName": "visit", "TemplateData": data}), whom,
                    refused=False),
            Message("a template and its values", lambda c: self.sent(c, to, Template={
                "TemplateContent": {"Subject": f"For {NAME}: MRN {MRN}", "Text": TEXT, "Html": HTML}, "TemplateData": data}), whom),
            Message("HTML in values", lambda c: self.sent(c, to, Template={
                "TemplateName": "visit", "TemplateData": json.dumps({"body": HTML})}), whom, refused=False),
            Message("many with one template", lambda c: self.many(c, to, data, TemplateName="visit", TemplateData=data), whom, refused=False),
            Message("many with one text", lambda c: self.many(c, to, data, TemplateData=data, TemplateContent={
                "Subject": f"For {NAME}: MRN {MRN}", "Text": TEXT, "Html": HTML}), whom),
            Message("many with one attachment", lambda c: self.many(c, to, values, TemplateName="visit", TemplateData=values, Attachments=[{
                "FileName": "notes.txt", "RawContent": TEXT.encode(), "ContentType": "text/plain"}]), whom, refused=False),
            Message("raw", lambda c: self.sent(c, to, Raw={"Data": self.raw(f"For {NAME}: MRN {MRN}", TEXT + " ✓", HTML, TEXT)}), whom),
            clean("clean and simple", lambda c: self.sent(c, to, Simple=self.simple("Opening hours", CLEAN, CLEAN_HTML, "spring"))),
            clean("clean values", lambda c: self.sent(c, to, Template={"TemplateName": "visit", "TemplateData": values})),
            clean("clean and raw", lambda c: self.sent(c, to, Raw={"Data": self.raw("Opening hours ✓", CLEAN, CLEAN_HTML, "Open\nat nine")})),
        ]
        self.failing = [lambda c: self.sent(c, to, "nobody@example.com", Simple=self.simple("Opening hours", CLEAN, CLEAN_HTML))]

    def simple(self, subject, text, html, header=None):
        more = {"Headers": [{"Name": "X-Note", "Value": header}], "Attachments": [{
            "FileName": f"{header}.txt", "RawContent": text.encode(), "ContentType": "text/plain"}]} if header else {}
        body = {"Text": {"Data": text}, "Html": {"Data": html, "Charset": "UTF-8"}}
        return {"Subject": {"Data": subject, "Charset": "UTF-8"}, "Body": body, **more}

    def raw(self, subject, text, html, file):
        mail = email.message.EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = "clinic@example.org", "pat@example.net", subject
        mail.set_content(text, cte="quoted-printable")
        mail.add_alternative(html, subtype="html", cte="base64")
        mail.add_attachment(file.encode(), "text", "plain", filename="notes.txt")
        # Else it is another one each time.
        for part in mail.walk():
            if part.is_multipart():
                part.set_boundary(f"=={part.get_content_subtype()}==")
        return mail.as_bytes(policy=mail.policy.clone(linesep="\r\n"))

    def many(self, client, to, data, **template):
        entry = {"Destination": to, "ReplacementEmailContent": {"ReplacementTemplate": {"ReplacementTemplateData": data}}}
        got = client.send_bulk_email(FromEmailAddress="clinic@example.org", DefaultContent={"Template": template}, BulkEmailEntries=[entry])
        return bool(got["BulkEmailEntryResults"][0]["MessageId"])

    def sent(self, client, to, sender="clinic@example.org", **content):
        return bool(client.send_email(FromEmailAddress=sender, Destination=to, Content=content)["MessageId"])

    def prepare(self):
        self.reset()
        self.client(self.moto_port).create_email_identity(EmailIdentity="clinic@example.org")

    def reset(self):
        from moto.core import DEFAULT_ACCOUNT_ID
        from moto.ses.models import ses_backends
        self.ses = ses_backends[DEFAULT_ACCOUNT_ID]["us-east-1"]
        self.ses.reset()
        self.ses = ses_backends[DEFAULT_ACCOUNT_ID]["us-east-1"]

    def delivered(self, site):
        """What moto has taken: of five messages, as it knows no templates."""
        taken = self.ses.sent_messages
        site.same("messages that moto has", len(taken), 5)
        for each in taken:
            raw = getattr(each, "raw_data", None) or f"{each.subject}\n{each.body}"
            # Moto keeps addresses of a simple message in a dict, of a raw one in a list.
            where = json.dumps(each.destinations)
            site.clean("what moto has", f"{each.source}\n{raw}\n{where}".encode())
            site.must("pat@example.net" in where and each.source == "clinic@example.org", f"moto: from {each.source} to {where}")


class Sns(Aws):
    service = "sns"

    def __init__(self):
        super().__init__()
        self.refusal_name = "InvalidParameterException"
        self.topic = "arn:aws:sns:us-east-1:123456789012:visits"
        binary = {"blob": {"DataType": "Binary", "BinaryValue": TEXT.encode()}}
        attributes = {
            "note": {"DataType": "String", "StringValue": f"SSN {SSN}"},
            "AWS.SNS.SMS.SMSType": {"DataType": "String", "StringValue": "Transactional"},
        }
        plain = {"kind": {"DataType": "String", "StringValue": "hours"}, "count": {"DataType": "Number", "StringValue": "12"},
                 "blob": {"DataType": "Binary", "BinaryValue": b"open at nine"}}
        by_protocol = json.dumps({"default": TEXT, "email": f"Dear {NAME}, MRN {MRN}", "sqs": f"SSN {SSN}, date of birth {BIRTH}"})
        whom = ["visits"]
        self.messages = [
            Message("to a number", lambda c: self.sent(c, PhoneNumber="+12125550123", Message=TEXT), ["+12125550123"]),
            Message("subject and attributes", lambda c: self.sent(
                c, TopicArn=self.topic, Subject=f"For {NAME}: MRN {MRN}", Message=TEXT, MessageAttributes=attributes), whom),
            Message("an attribute in base64", lambda c: self.sent(c, TopicArn=self.topic, Message=CLEAN, MessageAttributes=binary), whom,
                    refused=None),
            Message("many, and an attribute in base64", lambda c: len(c.publish_batch(TopicArn=self.topic, PublishBatchRequestEntries=[
                {"Id": "one", "Message": CLEAN}, {"Id": "two", "Message": CLEAN, "MessageAttributes": binary}])["Successful"]), whom, refused=None),
            Message("by protocol", lambda c: self.sent(c, TopicArn=self.topic, Message=by_protocol, MessageStructure="json"), whom),
            Message("many", lambda c: len(c.publish_batch(TopicArn=self.topic, PublishBatchRequestEntries=[
                {"Id": "one", "Message": TEXT}, {"Id": "two", "Message": TEXT, "Subject": f"For {NAME}: MRN {MRN}"}])["Successful"]), whom),
            Message("many, and only the last of them", lambda c: len(c.publish_batch(TopicArn=self.topic, PublishBatchRequestEntries=[
                {"Id": "one", "Message": CLEAN}, {"Id": "two", "Message": TEXT}])["Successful"]), whom),
            clean("clean to a number", lambda c: self.sent(c, PhoneNumber="+12125550124", Message=CLEAN)),
            clean("clean to a topic", lambda c: self.sent(c, TopicArn=self.topic, Subject="Opening hours", Message=CLEAN, MessageAttributes=plain)),
            clean("a list of topics", lambda c: [each["TopicArn"] for each in c.list_topics()["Topics"]]),
        ]
        self.failing = [lambda c: self.sent(c, TopicArn=self.topic + "-of-nobody", Message=CLEAN)]

    def sent(self, client, **fields):
        return bool(client.publish(**fields)["MessageId"])

    def prepare(self):
        from moto.core import DEFAULT_ACCOUNT_ID
        from moto.sns.models import sns_backends
        sns, self.sqs = self.client(self.moto_port), self.client(self.moto_port, "sqs")
        self.backend = sns_backends[DEFAULT_ACCOUNT_ID]["us-east-1"]
        self.backend.reset()
        self.backend = sns_backends[DEFAULT_ACCOUNT_ID]["us-east-1"]
        sns.create_topic(Name="visits")
        self.queue = self.sqs.create_queue(QueueName=f"visits{time.monotonic_ns()}")["QueueUrl"]
        arn = self.sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        sns.subscribe(TopicArn=self.topic, Protocol="sqs", Endpoint=arn)

    def delivered(self, site):
        """What the queue of the topic has, and what went to numbers."""
        taken = []
        while got := self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10, WaitTimeSeconds=0).get("Messages"):
            taken += [each["Body"] for each in got]
        site.same("messages in the queue", len(taken), 10)
        for each in taken:
            site.clean("what the queue has", each.encode())
        site.must(any(json.loads(each)["Message"] == CLEAN for each in taken), "the clean message is not in the queue")
        texts = dict(self.backend.sms_messages.values())
        site.same("numbers", sorted(texts), ["+12125550123", "+12125550124"])
        site.same("the clean text", texts.get("+12125550124"), CLEAN)
        for each in texts.values():
            site.clean("a text to a number", each.encode())


PROVIDERS = {"twilio": Twilio, "sendgrid": SendGrid, "messagebird": MessageBird, "ses": Ses, "sns": Sns}


def pipeline(port, provider, upstream, phi):
    region = 'region = "us-east-1"\n' if provider in ("ses", "sns") else ""
    return (f'[source.http]\nlisten = "127.0.0.1:{port}"\nprovider = "{provider}"\n\n'
            f'[sink.http]\nupstream = "http://127.0.0.1:{upstream}"\n{region}\n'
            f'[sms]\nphi = "{phi}"\n\n[mail]\nsubject = "{phi}"\n')


def flat(value, path=""):
    """The single values of a request, by their place."""
    if isinstance(value, dict):
        return {p: v for name, each in value.items() for p, v in flat(each, f"{path}.{name}").items()}
    if isinstance(value, list):
        return {p: v for n, each in enumerate(value) for p, v in flat(each, f"{path}[{n}]").items()}
    return {path: value}


def fields(record):
    """The values of a recorded request; of JSON and of forms."""
    body = record["body"].encode("latin-1")
    if not body:
        return {}
    if body[:1] == b"{":
        return flat(json.loads(body))
    # A name may stand there twice, so places have numbers.
    pairs = urllib.parse.parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True)
    return {f"{name} {n}": value for n, (name, value) in enumerate(pairs)}


def headers(record):
    """The header fields of a request that a gateway must leave alone. It says whom it speaks to and how long the body is, and signs for AWS
    itself; botocore numbers its requests."""
    own = ("host", "content-length", "connection", "x-amz-date", "x-amz-content-sha256", "x-amz-security-token", "amz-sdk-invocation-id")
    aws = any(value.startswith("AWS4-") for name, value in record["headers"] if name.lower() == "authorization")
    return sorted((name.lower(), value) for name, value in record["headers"]
                  if name.lower() not in own and not (aws and name.lower() == "authorization"))


def post(port, path, kind, body):
    """A request of our own; all of the answer but the time."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    connection.request("POST", path, body, {"Content-Type": kind, "Authorization": "Basic QUM6dG9rZW4="})
    answer = connection.getresponse()
    got = answer.status, answer.reason, sorted((n.lower(), v) for n, v in answer.getheaders() if n.lower() != "date"), answer.read()
    connection.close()
    return got


class Run:
    def __init__(self, site, name):
        self.site, self.name, self.aws = site, name, name in ("ses", "sns")
        self.log, far = os.path.join(site.folder, "requests"), free_port()
        self.ports = {"direct": far, "redact": free_port(), "refuse": free_port()}
        for mode in ("redact", "refuse"):
            keys = {"AWS_ACCESS_KEY_ID": GATEWAY_KEY, "AWS_SECRET_ACCESS_KEY": GATEWAY_SECRET}
            token = {"AWS_SESSION_TOKEN": GATEWAY_TOKEN} if mode == "redact" else {}
            # Nobody's credentials but these.
            nothing = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent", "AWS_CONFIG_FILE": "/nonexistent"}
            site.gateway(mode, pipeline(self.ports[mode], name, far, mode), **(keys | token | nothing if self.aws else {}))
        self.provider = PROVIDERS[name]()
        if self.aws:
            site.script("recorder.py", far, self.provider.moto_port, self.log, name, f"{CLIENT_KEY}:{CLIENT_SECRET}",
                        f"{GATEWAY_KEY}:{GATEWAY_SECRET}")
        else:
            site.script("standin.py", far, self.log, name)
        for each in site.processes[:2]:
            each.ready("taken on")
        self.clients = {mode: self.provider.client(port) for mode, port in self.ports.items()}
        self.seen = 0

    def ask(self, mode, send):
        """The result or the error, and the requests that the provider has got for it."""
        try:
            result = send(self.clients[mode])
        except self.provider.exception as error:
            result = error
        records = lines_of(self.log)[self.seen:]
        self.seen += len(records)
        for record in records if self.aws else []:
            self.site.same(f"{mode}: the signature", record["wrong"], None)
            self.site.same(f"{mode}: who has signed", record["key"], CLIENT_KEY if mode == "direct" else GATEWAY_KEY)
            tokens = [value for name, value in record["headers"] if name.lower() == "x-amz-security-token"]
            self.site.same(f"{mode}: the session's token", tokens, [GATEWAY_TOKEN] if mode == "redact" else [])
        return result, records

    def redacted(self, message, straight, result, records):
        """A message that came through the gateway which redacts, beside the one that went past it."""
        site, what, (expected, (original,)) = self.site, message.name, straight
        if not message.known:
            self.refused(message, straight, result, records)
            return
        site.same(f"{what}: the library got", result, expected)
        site.same(f"{what}: requests", len(records), 1)
        if len(records) != 1:
            return
        record = records[0]
        body = record["body"].encode("latin-1")
        for where in ("method", "path"):
            site.same(f"{what}: {where}", record[where], original[where])
        site.same(f"{what}: header", headers(record), headers(original))
        if not message.planted:
            site.same(f"{what}: body", body, original["body"].encode("latin-1"))
            return
        site.clean(f"{what}: request", "\n".join([record["path"], *(f"{n}: {v}" for n, v in record["headers"]), ""]).encode("latin-1") + body)
        for words in message.whom:
            site.must(says(body, words), f"{what}: {words} is missing in {body!r}")
        before, after = fields(original), fields(record)
        site.same(f"{what}: fields", list(after), list(before))
        for place, value in before.items():
            changed, held = after.get(place) != value, planted_in(str(value).encode())
            site.must(changed == bool(held), f"{what}: {place} is {after.get(place)!r}, and was {value!r}")

    def refused(self, message, straight, result, records):
        site, what = self.site, message.name
        if not message.refused and not isinstance(result, Exception):
            site.same(f"{what}: requests", len(records), 1)
            site.clean(f"{what}: request past the refusal", "".join(record["body"] for record in records).encode("latin-1"))
            return
        site.must(message.refused is not False, f"{what}: {result!r} where nothing is to be refused")
        exception = getattr(self.provider, "refusal", self.provider.exception)
        site.must(isinstance(result, exception), f"{what}: {result!r} is no refusal")
        if isinstance(result, exception):
            told = repr(self.provider.told(result))
            site.must("Scrubjay: " in told, f"{what}: the reason is missing: {told}")
            site.clean(f"{what}: the error", f"{told} {result}".encode())
            name = getattr(self.provider, "refusal_name", type(result).__name__)
            site.same(f"{what}: the exception", type(result).__name__, name)
        site.same(f"{what}: requests", len(records), 0)

    def forged(self):
        """The recorder takes no other signature, or the checks prove nothing."""
        try:
            told = self.provider.messages[0].send(self.provider.client(self.ports["direct"], secret="other"))
        except self.provider.exception as error:
            told = self.provider.told(error)[0]
        self.site.same("a forged signature", told, 403)
        self.seen = len(lines_of(self.log))

    def all(self):
        site, provider = self.site, self.provider
        straight = []
        if self.aws:
            provider.prepare()
            self.forged()
        for message in provider.messages:
            result, records = self.ask("direct", message.send)
            site.must(not isinstance(result, Exception), f"{message.name}: {result!r} from the stand-in")
            # Else the checks prove nothing.
            found = planted_in(records[0]["body"].encode("latin-1"))
            site.same(f"{message.name}: found where nothing scrubs", bool(found), message.planted)
            straight.append((result, records))
        for mode, judge in [("redact", self.redacted), ("refuse", self.refused)]:
            if self.aws:
                provider.prepare()
            for message, was in zip(provider.messages, straight):
                judge(message, was, *self.ask(mode, message.send))
            if self.aws and mode == "redact":
                provider.delivered(site)
            for n, send in enumerate(provider.failing):
                errors = [self.ask(way, send) for way in ("direct", mode)]
                told = [provider.told(e) if isinstance(e, Exception) else e for e, _ in errors]
                site.same(f"error {n} of the provider", told[1], told[0])
                site.must(isinstance(errors[1][0], Exception) and len(errors[1][1]) == 1, f"error {n} of the provider: {errors[1]!r}")
        if provider.post:
            site.same("an answer, word for word", post(self.ports["redact"], *provider.post), post(self.ports["direct"], *provider.post))


def main(scrubjay, name):
    began = time.monotonic()
    with Site(scrubjay) as site:
        Run(site, name).all()
        return site.end(began)


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[2] not in PROVIDERS:
        raise SystemExit(__doc__)
    # Moto's server ends with the process.
    code = main(*sys.argv[1:])
    sys.stdout.flush()
    os._exit(code)
