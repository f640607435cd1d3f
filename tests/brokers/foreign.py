"""A Kafka client that shares no code with Scrubjay's: it writes records full of invented identifiers, and judges what
comes out. The integration tests run it; the brokers' virtual environment has what it needs.

    foreign.py produce BROKERS TOPIC FROM TO PER_SECOND writes records FROM to TO, no faster than that
    foreign.py odd BROKERS TOPIC                        writes what our own client cannot: see below
    foreign.py verify BROKERS FROM TO COUNT             waits for all of them in TO, then checks every one
    foreign.py committed BROKERS GROUP TOPIC BY         the group's offsets are where topic BY ends, by partition

A check that fails says what, where and how often, and ends with exit code 1.
"""

import re
import sys
import time

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient

PATIENCE = 60  # seconds
GIVEN = ["Maria", "John", "Aisha", "Peter", "Grace", "Luis", "Helen", "Omar"]
FAMILY = ["Lopez", "Smith", "Rahman", "Novak", "Okafor", "Garcia", "Schmidt", "Haddad"]
AREAS = [212, 312, 415, 503, 617, 702, 808]


def word(n):
    """Names record `n` in letters, which nothing can take for an identifier."""
    return "".join(chr(ord("a") + n // 26**i % 26) for i in range(5))


def person(n):
    """What is known of invented person `n`."""
    area, group, serial = 100 + n % 560, 1 + n % 99, 1 + n * 7 % 9999
    digits = f"{AREAS[n % 7]}55501{n // 7 % 100:02}"
    return {
        "given": GIVEN[n % 8],
        "family": FAMILY[n // 8 % 8],
        "ssn": f"{area:03}-{group:02}-{serial:04}",
        "mrn": f"{10_000_000 + n * 37 % 89_999_999}",
        "phone": f"({digits[:3]}) {digits[3:6]}-{digits[6:]}",
        "digits": digits,
    }


# A payload, and what must become of it. `{seq}` stands for the record's name, `<...>` for what is planted, `[...]` for
# the marker in its place.
PAYLOADS = [
    ('{"seq":"{seq}","msg":"Patient: <given> <family>, SSN <ssn> on file"}',
     '{"seq":"{seq}","msg":"Patient: [NAME], SSN [SSN] on file"}'),
    ('{"seq":"{seq}","patient_name":"<given> <family>","mrn":"MRN<mrn>","status":"admitted"}',
     '{"seq":"{seq}","patient_name":"[NAME]","mrn":"[MRN]","status":"admitted"}'),
    ('{"seq":"{seq}","ssn":<ssn digits>,"ok":true}', '{"seq":"{seq}","ssn":"[SSN]","ok":true}'),
    ('{"seq":"{seq}","phone":<digits>,"mrn":<mrn>}', '{"seq":"{seq}","phone":"[PHONE]","mrn":"[MRN]"}'),
    ('seq={seq} SSN <ssn spaced> checked', 'seq={seq} SSN [SSN] checked'),
    ('{"seq":"{seq}","msg":"SSN <ssn escaped> and MRN: <mrn>"}',
     '{"seq":"{seq}","msg":"SSN [SSN] and MRN: [MRN]"}'),
    ('{"seq":"{seq}","inner":"{\\"patient\\":{\\"name\\":\\"<given> <family>\\",\\"ssn\\":\\"<ssn>\\"}}"}',
     '{"seq":"{seq}","inner":"{\\"patient\\":{\\"name\\":\\"[NAME]\\",\\"ssn\\":\\"[SSN]\\"}}"}'),
    ('level=info seq="{seq}" patient_name="<given> <family>" phone=<phone>',
     'level=info seq="{seq}" patient_name="[NAME]" phone=[PHONE]'),
    ('seq={seq} Patient: <FAMILY, GIVEN> (MRN <mrn>) called from <phone>',
     'seq={seq} Patient: [NAME] (MRN [MRN]) called from [PHONE]'),
]
SEQ = re.compile(rb'seq(?:=|":)"?([a-z]{5})\b')
# Nothing in a clean record looks like this: every longer number is a planted one.
NUMBER = re.compile(rb"\d(?:[ .()-]*\d){6}")


def planted(template, who, into):
    """Fills in a template's `<...>`, and notes what was planted."""
    forms = dict(who)
    forms["ssn digits"] = who["ssn"].replace("-", "")
    forms["ssn spaced"] = who["ssn"].replace("-", " ")
    forms["ssn escaped"] = who["ssn"].replace("-", "\\u002d")
    forms["FAMILY, GIVEN"] = f"{who['family']}, {who['given']}".upper()

    def fill(found):
        into.append(forms[found[1]].encode())
        return forms[found[1]]

    return re.sub("<([^>]+)>", fill, template)


def key(n, into):
    """The key of record `n` and what must become of it. Few keys, so that each has many records."""
    if n % 10 == 0:
        return None, None
    which = n % 97
    template, clean = [
        ("ssn <ssn>", "ssn [SSN]"),
        ("patient-MRN<mrn>", "patient-MRN[MRN]"),
        (f"user {word(which)}", f"user {word(which)}"),
    ][which % 3]
    return planted(template, person(90_000 + which), into).encode(), clean.encode()


def headers(n, into):
    """The headers of record `n` and what must become of them."""
    who = person(40_000 + n)
    pairs = [("trace", word(n), word(n))]
    if n % 2:
        pairs.append(("note", "ssn: <ssn>", "ssn: [SSN]"))
        pairs.append(("empty", "", ""))
    if n % 3 == 0:
        pairs.append(("note", "mrn: <mrn>", "mrn: [MRN]"))
        pairs.append(("contact", "phone <phone>", "phone [PHONE]"))
    pairs.append(("trace", "again", "again"))
    given = [(name, planted(value, who, into).encode()) for name, value, _ in pairs]
    return given, [(name, clean.encode()) for name, _, clean in pairs]


class Record:
    """Record `n`: as it is written, as it must come out, and what is planted in it."""

    def __init__(self, n):
        self.planted = []
        given, clean = PAYLOADS[n % len(PAYLOADS)]
        self.value = planted(given, person(n), self.planted).replace("{seq}", word(n)).encode()
        self.clean_value = clean.replace("{seq}", word(n)).encode()
        self.key, self.clean_key = key(n, self.planted)
        self.headers, self.clean_headers = headers(n, self.planted)


def produce(brokers, topic, first, end, per_second):
    producer = KafkaProducer(bootstrap_servers=brokers, linger_ms=5, batch_size=100_000, compression_type="gzip")
    base_ms = int(time.time() * 1000) - 10_000_000
    began, sent = time.monotonic(), []
    for n in range(first, end):
        record = Record(n)
        sent.append(producer.send(topic, record.value, record.key, record.headers, timestamp_ms=base_ms + n))
        if n % 100 == 99:
            time.sleep(max(0, began + len(sent) / per_second - time.monotonic()))
    producer.flush(PATIENCE)
    for each in sent:
        each.get(PATIENCE)
    print(f"{len(sent)} records written in {time.monotonic() - began:.1f} s")


class NotUtf8(str):
    """Text that goes onto the wire as bytes that are no text."""

    def encode(self, *_):
        return b"r\xe9f\xff"


def odd(brokers, topic):
    """Four records: one from the first millisecond of 1970, one with a header whose name is not UTF-8, a plain one, and
    one of the time before 1970."""
    producer = KafkaProducer(bootstrap_servers=brokers)
    note = ("note", b"ssn: 219-10-9999")
    for value, headers, timestamp_ms in [
        (b"of old", [note], 0),
        (b"Patient: Maria Lopez", [note, (NotUtf8("?"), b"SSN 219-10-9999"), ("trace", b"a")], 5),
        (b"plain", [], 6),
        (b"older", [], -2),
    ]:
        producer.send(topic, value, b"k", headers, partition=0, timestamp_ms=timestamp_ms).get(PATIENCE)


def read(brokers, topic, enough):
    """Every record of a topic, once `enough` of them are there and no more come; by partition, in order."""
    consumer = KafkaConsumer(bootstrap_servers=brokers, enable_auto_commit=False, fetch_max_wait_ms=50)
    partitions = [TopicPartition(topic, p) for p in sorted(consumer.partitions_for_topic(topic))]
    consumer.assign(partitions)
    consumer.seek_to_beginning()
    seen = {p.partition: [] for p in partitions}
    deadline, quiet = time.monotonic() + PATIENCE, time.monotonic()
    while True:
        came = consumer.poll(100, max_records=10_000)
        for partition, records in came.items():
            seen[partition.partition] += records
            quiet = time.monotonic()
        still = time.monotonic() - quiet > 0.5
        if still and (enough(seen) or time.monotonic() > deadline):
            consumer.close()
            return seen


def name_of(record):
    found = SEQ.search(record.value or b"")
    return found and found[1]


def verify(brokers, source, sink, count):
    records = {word(n).encode(): Record(n) for n in range(count)}
    written = read(brokers, source, lambda seen: sum(map(len, seen.values())) >= count)
    came = read(brokers, sink, lambda seen: len({name_of(r) for all in seen.values() for r in all}) >= count)
    wrong, fields, twice = [], [], 0
    homes = {}
    for partition, wanted in written.items():
        times = {name_of(r): r.timestamp for r in wanted}
        first = []
        for got in came.get(partition, []):
            where = f"{sink}[{partition}]@{got.offset}"
            name = name_of(got)
            if name not in times:
                wrong.append((where, "was not written to this partition of the source"))
                continue
            want = records[name]
            if name in homes:
                twice += 1
            else:
                homes[name] = partition
                first.append(name)
            parts = [got.value, got.key or b"", *(value for _, value in got.headers)]
            fields += parts
            if any(value in part for value in want.planted for part in parts):
                wrong.append((where, "holds a planted value"))
            for what, is_, must_be in [
                ("payload", got.value, want.clean_value),
                ("key", got.key, want.clean_key),
                ("headers", [(n, bytes(v)) for n, v in got.headers], want.clean_headers),
                ("timestamp", got.timestamp, times[name]),
            ]:
                if is_ != must_be:
                    wrong.append((where, f"{what}: {is_!r} instead of {must_be!r}"))
        if first != [name_of(r) for r in wanted]:
            wrong.append((f"{sink}[{partition}]", "records are missing, or are not in the order of the source"))
    everything = b"\n".join(fields)
    for who in {f"{g} {f}" for g in GIVEN for f in FAMILY} | {f"{f}, {g}".upper() for g in GIVEN for f in FAMILY}:
        if who.encode() in everything:
            wrong.append((sink, "a planted name came out"))
    if NUMBER.search(everything):
        wrong.append((sink, "a number as long as an identifier came out"))
    if len(homes) != count:
        wrong.append((sink, f"{count - len(homes)} of {count} records are missing"))
    # The source itself is what it should be, or the rest proves nothing.
    keys = {}
    for partition, wanted in written.items():
        for got in wanted:
            want = records[name_of(got)]
            assert (got.value, got.key, got.headers) == (want.value, want.key, want.headers), "not what was written"
            assert want.planted, "a record without an identifier"
            keys.setdefault(got.key, set()).add(partition)
    assert all(len(where) == 1 for key, where in keys.items() if key), "a key in two partitions"
    assert all(len(wanted) > count / 10 for wanted in written.values()), "a partition is nearly empty"
    values = sum(len(r.planted) for r in records.values())
    print(f"{count} records with {values} planted values; {twice} came twice; {len(wrong)} things wrong")
    for where, what in wrong[:20]:
        print(f"{where}: {what}")
    return not wrong


def committed(brokers, group, topic, by):
    admin = KafkaAdminClient(bootstrap_servers=brokers)
    offsets = admin.list_group_offsets(group)[group]
    consumer = KafkaConsumer(bootstrap_servers=brokers)
    good = True
    for p in sorted(consumer.partitions_for_topic(topic)):
        end = consumer.end_offsets([TopicPartition(by, p)])[TopicPartition(by, p)]
        at = offsets.get(TopicPartition(topic, p))
        print(f"{topic}[{p}]: committed {at and at.offset}, {by} ends at {end}")
        good &= at is not None and at.offset == end
    return good


def main(command, *args):
    if command == "produce":
        brokers, topic, first, end, per_second = args
        produce(brokers, topic, int(first), int(end), float(per_second))
        return True
    if command == "odd":
        odd(*args)
        return True
    if command == "verify":
        brokers, source, sink, count = args
        return verify(brokers, source, sink, int(count))
    if command == "committed":
        return committed(*args)
    raise SystemExit(__doc__)


if __name__ == "__main__":
    sys.exit(0 if main(*sys.argv[1:]) else 1)
