//! What a hospital's systems write: logs, traces, and notifications to patients.
//!
//! Planted are only kinds that the built-in detectors of this version find, in forms that real applications write.

use super::person::{Date, Person};
use super::random::Random;
use super::text::Text;
use crate::kind::Kind;

/// The topics that are written to, with their partitions.
pub(crate) const TOPICS: &[(&str, i32)] = &[("app.logs", 4), ("notify.patients", 2)];
const LOGS: usize = 0;
const NOTIFY: usize = 1;
/// Names the record in its header, so that order is checked without trusting offsets.
pub(crate) const NUMBER_HEADER: &str = "demo-record";

/// One message to be written.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    /// Index into [`TOPICS`].
    pub(crate) topic: usize,
    /// Partition of the topic.
    pub(crate) partition: i32,
    /// `None` is a null key.
    pub(crate) key: Option<Text>,
    /// `None` is a tombstone.
    pub(crate) payload: Option<Text>,
    /// Names and values.
    pub(crate) headers: Vec<(&'static str, Text)>,
}

impl Message {
    /// Everything in it that can hold an identifier.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &Text> {
        self.payload.iter().chain(&self.key).chain(self.headers.iter().map(|(_, value)| value))
    }

    /// How many identifiers were planted in it.
    pub(crate) fn planted(&self) -> usize {
        self.texts().map(|t| t.planted.len()).sum()
    }

    /// Bytes of its key, payload and headers.
    pub(crate) fn bytes(&self) -> usize {
        self.texts().map(|t| t.text.len()).sum()
    }
}

/// Makes `count` messages. The same seed gives the same messages.
pub(crate) fn messages(seed: u64, count: usize) -> Vec<Message> {
    let mut random = Random::new(seed);
    let mut written = [0; TOPICS.len()];
    (0..count)
        .map(|number| {
            let mut message = message(&mut random, number);
            message.partition = written[message.topic] % TOPICS[message.topic].1;
            written[message.topic] += 1;
            message
        })
        .collect()
}

type Template = fn(&mut Random, &Person, &str) -> Text;

/// How often each is written, of 100.
const TEMPLATES: &[(u32, usize, Template)] = &[
    (18, LOGS, health_check),
    (12, LOGS, query_timing),
    (12, LOGS, admission),
    (10, LOGS, lab_result),
    (8, LOGS, access_log),
    (6, LOGS, hl7_received),
    (6, LOGS, payment_trace),
    (6, LOGS, webhook),
    (10, NOTIFY, appointment_sms),
    (8, NOTIFY, result_email),
    (4, NOTIFY, discharge_letter),
];

fn message(random: &mut Random, number: usize) -> Message {
    let person = Person::new(random);
    // One day's logs, and no planted date is of that day.
    let second = number as u32 / 4 % 86_400;
    let time = format!(
        "2026-03-02T{:02}:{:02}:{:02}.{:03}Z",
        second / 3600,
        second / 60 % 60,
        second % 60,
        random.number(0, 999)
    );
    let total = TEMPLATES.iter().map(|t| t.0).sum();
    let mut at = random.number(1, total);
    let mut chosen = TEMPLATES[0];
    for template in TEMPLATES {
        chosen = *template;
        if at <= template.0 {
            break;
        }
        at -= template.0;
    }
    let (_, topic, write) = chosen;
    let payload = write(random, &person, &time);
    let named = !payload.planted.is_empty();
    let mut message = Message {
        topic,
        partition: 0,
        key: None,
        payload: Some(payload),
        headers: vec![(NUMBER_HEADER, Text::default().say(&format!("#{number}")))],
    };
    if named {
        if random.once_in(2) {
            message.key = Some(Text::default().say("mrn:").plant(Kind::Mrn, &person.mrn));
        }
        if random.once_in(4) {
            message.headers.push(("reply-to", Text::default().plant(Kind::Email, &person.email)));
        }
        // A tombstone: whoever deletes a patient's record writes the key and null.
        if message.key.is_some() && random.once_in(50) {
            message.payload = None;
        }
    } else if random.once_in(2) {
        message.key = Some(Text::default().say(random.pick(&["gateway", "scheduler", ""])));
    }
    message
}

fn json(level: &str, service: &str, time: &str, random: &mut Random) -> Text {
    let trace = random.hex(32);
    Text::default()
        .say(&format!(r#"{{"ts":"{time}","level":"{level}","service":"{service}","trace_id":"{trace}""#))
}

/// `2026-03-02T08:14:07.412Z` as plain logs have it: `2026-03-02 08:14:07,412`.
fn plain_time(time: &str) -> String {
    time.replace('T', " ").replace('.', ",").replace('Z', "")
}

fn health_check(random: &mut Random, _: &Person, time: &str) -> Text {
    let host = random.number(1, 40);
    let ms = random.number(1, 90);
    if random.once_in(2) {
        let pod = random.hex(10);
        json("INFO", "gateway", time, random).say(&format!(
            r#","msg":"GET /healthz 200","pod":"gateway-{pod}","peer":"10.42.{host}.7","ms":{ms}}}"#
        ))
    } else {
        let time = plain_time(time);
        Text::default().say(&format!(
            "{time} DEBUG [scheduler-{host}] o.h.jobs.Heartbeat - tick ok, queue=0, took {ms} ms"
        ))
    }
}

fn query_timing(random: &mut Random, _: &Person, time: &str) -> Text {
    let (rows, ms) = (random.number(0, 400), random.number(1, 900));
    json("DEBUG", "records", time, random).say(&format!(
        r#","sql":"SELECT id, status FROM orders WHERE ward = $1 AND status <> $2","rows":{rows},"duration_ms":{ms}}}"#
    ))
}

fn admission(random: &mut Random, p: &Person, time: &str) -> Text {
    let text = json("INFO", "adt", time, random).say(r#","msg":"patient admitted","patient":{"name":""#);
    let text = if random.once_in(3) {
        text.plant_escaped(Kind::Name, &p.name())
    } else {
        text.plant(Kind::Name, &p.name())
    };
    let text = text.say(r#"","mrn":""#).plant(Kind::Mrn, &p.mrn).say(r#"","dob":""#);
    let text = match random.number(1, 3) {
        1 => text.plant_escaped(Kind::Date, &p.born.american()),
        2 => text.plant(Kind::Date, &p.born.american()),
        _ => text.plant(Kind::Date, &p.born.iso()),
    };
    let text = text.say(r#"","ssn":""#).plant(Kind::Ssn, &p.ssn(random)).say(r#"","phone":""#);
    let text = text.plant(Kind::Phone, &p.phone(random)).say(&format!(r#"","state":"{}","zip":""#, p.state));
    let ward = random.number(1, 12);
    text.plant(Kind::Zip, &p.zip).say(&format!(r#""}},"ward":{ward}}}"#))
}

fn lab_result(random: &mut Random, p: &Person, time: &str) -> Text {
    let (test, value) = random.pick(&[("HbA1c", "6.1"), ("TSH", "2.4"), ("CRP", "11"), ("K+", "4.2")]);
    let collected = Date::between(random, 2024, 2025);
    Text::default()
        .say(&format!("{time} level=info service=lab msg=\"result filed\" test={test} value={value} mrn="))
        .plant(Kind::Mrn, &p.mrn)
        .say(" patient_name=\"")
        .plant(Kind::Name, &p.name())
        .say("\" dob=")
        .plant(Kind::Date, &p.born.iso())
        .say(" collected=")
        .plant(Kind::Date, &collected.iso())
}

fn access_log(random: &mut Random, p: &Person, time: &str) -> Text {
    let (status, bytes) = (random.pick(&[200, 200, 200, 302, 404]), random.number(200, 9000));
    Text::default()
        .say(&format!("{} INFO  [portal] client=", plain_time(time)))
        .plant(Kind::Ip, &p.ip)
        .say(" GET https://portal.example.org/records?mrn=")
        .plant(Kind::Mrn, &p.mrn)
        .say("&email=")
        .plant(Kind::Email, &p.email)
        .say(&format!(" {status} {bytes}"))
}

fn hl7_received(random: &mut Random, p: &Person, time: &str) -> Text {
    let control = random.number(100, 999);
    Text::default()
        .say(&format!("{} INFO  [hl7-listener] ADT^A01 #{control} accepted, Patient: ", plain_time(time)))
        .plant(Kind::Name, &p.last_first())
        .say(", DOB ")
        .plant(Kind::Date, &p.born.medium())
        .say(", MRN ")
        .plant(Kind::Mrn, &p.mrn)
        .say(", SSN ")
        .plant(Kind::Ssn, &p.ssn.join("-"))
}

fn payment_trace(random: &mut Random, p: &Person, time: &str) -> Text {
    let line = random.number(20, 400);
    Text::default()
        .say(&format!("{} ERROR [billing] java.lang.IllegalStateException: card ", plain_time(time)))
        .plant(Kind::Account, &p.card(random))
        .say(" declined for patient ")
        .plant(Kind::Name, &p.name())
        .say(" <")
        .plant(Kind::Email, &p.email)
        .say(&format!(
            ">\n\tat org.example.billing.Charge.run(Charge.java:{line})\n\tat java.lang.Thread.run(Thread.java:840)"
        ))
}

fn webhook(random: &mut Random, p: &Person, time: &str) -> Text {
    let status = random.pick(&[200, 202, 500]);
    json("WARN", "integration", time, random)
        .say(&format!(r#","status":{status},"body":"{{\"patient\":{{\"full_name\":\""#))
        .plant(Kind::Name, &p.name())
        .say(r#"\",\"ssn\":\""#)
        .plant(Kind::Ssn, &p.ssn.concat())
        .say(r#"\",\"email\":\""#)
        .plant(Kind::Email, &p.email)
        .say(r#"\",\"birthDate\":\""#)
        .plant(Kind::Date, &p.born.iso())
        .say(r#"\"}}"}"#)
}

fn appointment_sms(random: &mut Random, p: &Person, time: &str) -> Text {
    let when = Date::between(random, 2027, 2028);
    let doctor = Person::new(random);
    let text = Text::default()
        .say(&format!(r#"{{"ts":"{time}","channel":"sms","to":""#))
        .plant(Kind::Phone, &p.phone(random))
        .say(r#"","body":"Dear "#)
        .plant(Kind::Name, &p.name())
        .say(", your appointment with Dr. ")
        .plant(Kind::Name, doctor.family)
        .say(" is on ");
    let text = if random.once_in(2) {
        text.plant(Kind::Date, &when.long())
    } else {
        text.plant(Kind::Date, &when.american())
    };
    text.say(". Questions? Call ").plant(Kind::Phone, &doctor.phone(random)).say(r#"."}"#)
}

fn result_email(random: &mut Random, p: &Person, time: &str) -> Text {
    let id = random.hex(16);
    let taken = Date::between(random, 2024, 2025);
    Text::default()
        .say(&format!(r#"{{"ts":"{time}","channel":"email","id":"{id}","to":""#))
        .plant(Kind::Email, &p.email)
        .say(r#"","subject":"Your results are ready","body":"Dear "#)
        .plant(Kind::Name, &p.name())
        .say(r#",\n\nthe results of your test on "#)
        .plant(Kind::Date, &taken.long())
        .say(r#" are ready: https://portal.example.org/results?mrn="#)
        .plant(Kind::Mrn, &p.mrn)
        .say(r#"\n\nYour care team"}"#)
}

fn discharge_letter(random: &mut Random, p: &Person, time: &str) -> Text {
    let again = Date::between(random, 2027, 2028);
    let extension = random.digits(4);
    Text::default()
        .say(&format!("{} INFO  [mailer] letter queued\nPatient: ", plain_time(time)))
        .plant(Kind::Name, &p.name())
        .say("\nMRN: ")
        .plant(Kind::Mrn, &p.mrn)
        .say(&format!("\nRegion: {} ", p.state))
        .plant(Kind::Zip, &format!("{}-{extension}", p.zip))
        .say("\nPhone: ")
        .plant(Kind::Phone, &p.phone(random))
        .say("\nPlease come again on ")
        .plant(Kind::Date, &again.american())
        .say(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_decides() {
        let debug = |seed| format!("{:?}", messages(seed, 50));
        assert_eq!(debug(1), debug(1));
        assert_ne!(debug(1), debug(2));
    }

    #[test]
    fn every_template_kind_and_partition_is_written() {
        let all = messages(1, 3000);
        let total: u32 = TEMPLATES.iter().map(|t| t.0).sum();
        assert_eq!(total, 100);
        for (topic, (name, partitions)) in TOPICS.iter().enumerate() {
            for partition in 0..*partitions {
                assert!(
                    all.iter().any(|m| m.topic == topic && m.partition == partition),
                    "{name}[{partition}]"
                );
            }
        }
        let kinds = [
            Kind::Name,
            Kind::Date,
            Kind::Phone,
            Kind::Email,
            Kind::Ssn,
            Kind::Mrn,
            Kind::Ip,
            Kind::Zip,
            Kind::Account,
        ];
        for kind in kinds {
            assert!(
                all.iter().any(|m| m.texts().any(|t| t.planted.iter().any(|p| p.kind == kind))),
                "{kind}"
            );
        }
        assert!(all.iter().any(|m| m.payload.is_none()), "no tombstone");
        assert!(all.iter().any(|m| m.planted() == 0), "no clean record");
        assert!(all.iter().any(|m| m.key.as_ref().is_some_and(|k| k.text.is_empty())), "no empty key");
    }

    #[test]
    fn what_begins_as_json_is_json() {
        for message in messages(3, 2000) {
            let Some(payload) = message.payload.filter(|p| p.text.starts_with('{')) else { continue };
            let value = serde_json::from_str::<serde_json::Value>(&payload.text);
            assert!(value.is_ok(), "{}", payload.text);
        }
    }
}
