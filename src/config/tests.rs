//! What good files mean, and what bad ones get: line, column, and what is allowed.

use std::path::Path;

use super::*;
use crate::codec::{Format, NumberStyle};
use crate::keys::SecretRef;
use crate::policy::{Action, Profile};
use crate::{Kind, KindSet};

fn parse(text: &str) -> Result<Pipeline, Vec<String>> {
    Pipeline::parse(Path::new("dir/p.toml"), text)
        .map_err(|all| all.iter().map(Diagnostic::to_string).collect())
}

const STREAM: &str = "[source.stdin]\n[sink.stdout]\n";
const KAFKA: &str =
    "[source.kafka]\nbrokers = \"b:1\"\ntopics = [\"t\"]\n[sink.kafka]\ntopic = \"clean.{topic}\"\n";

#[test]
fn a_full_file_is_understood() {
    let text = r#"
        [source.kafka]
        brokers = "a:9092,b:9092"
        topics = ["app.logs", "^notify\\..*"]
        group = "g"
        delivery = "at-least-once"
        properties = { "fetch.wait.max.ms" = "50", "check.crcs" = true, "session.timeout.ms" = 6000, "sasl.password" = "env:SASL" }

        [codec]
        format = "json"
        [json]
        number = "null"

        [policy]
        profile = "safe-harbor"
        threshold = 0.4
        kinds = ["mrn", "ssn", "name"]
        [[policy.rule]]
        kind = ["mrn"]
        path = "$.patient.*"
        action = { mask = { keep_last = 4, with = "~" } }
        [[policy.rule]]
        kind = ["ssn"]
        min_confidence = 0.9
        action = "drop"
        [[policy.rule]]
        path = "$..public"
        action = "keep"

        [sink.kafka]
        topic = "clean.{topic}"
        create = true
        key_action = { hmac = "file:k.hmac" }
        properties = { "compression.type" = "lz4" }

        [on_error]
        action = "quarantine"
        to = { dir = "q" }
        key = "file:/etc/q.key"

        [detect]
        packs = ["site.toml", "/abs.toml"]
        [limits]
        max_record_bytes = "1 MiB"
        [metrics]
        listen = "127.0.0.1:9464"

        [[test]]
        name = "one"
        input = 'a'
        output = 'b'
        [[test]]
        input = 'c'
        output = 'd'
    "#;
    let p = parse(text).unwrap();
    let SourceConfig::Kafka(source) = &p.source else { panic!("{:?}", p.source) };
    assert_eq!((&*source.brokers, &*source.group), ("a:9092,b:9092", "g"));
    assert_eq!(source.topics, ["app.logs", "^notify\\..*"]);
    let property = |name: &str| source.properties.iter().find(|p| p.name == name).map(|p| p.value.clone());
    assert_eq!(property("check.crcs"), Some(PropertyValue::Plain("true".into())));
    assert_eq!(property("session.timeout.ms"), Some(PropertyValue::Plain("6000".into())));
    assert_eq!(property("sasl.password"), Some(PropertyValue::Secret(SecretRef::Env("SASL".into()))));
    let SinkConfig::Kafka(sink) = &p.sink else { panic!("{:?}", p.sink) };
    assert_eq!((&*sink.brokers, &*sink.topic, sink.create), ("a:9092,b:9092", "clean.{topic}", true));
    assert_eq!(sink.key_hmac, Some(SecretRef::File("dir/k.hmac".into())));
    assert_eq!((p.treatment.codec.format, p.treatment.codec.number), (Format::Json, NumberStyle::Null));
    let policy = &p.treatment.policy;
    assert_eq!((policy.profile, policy.threshold()), (Profile::SafeHarbor, 0.4));
    assert_eq!(policy.kinds, Some([Kind::Mrn, Kind::Ssn, Kind::Name].into_iter().collect()));
    assert_eq!(policy.rules[0].action, Action::Mask { keep_last: 4, with: '~' });
    assert_eq!(policy.rules[0].min_confidence, 0.0);
    assert_eq!((policy.rules[1].action, policy.rules[1].min_confidence), (Action::Drop, 0.9));
    assert_eq!((policy.rules[2].kinds, policy.rules[2].min_confidence), (KindSet::ALL, 0.0));
    let to = QuarantineTo::Dir("dir/q".into());
    assert_eq!(p.on_error, OnErrorConfig::Quarantine { key: SecretRef::File("/etc/q.key".into()), to });
    assert_eq!(p.treatment.packs, [Path::new("dir/site.toml"), Path::new("/abs.toml")]);
    assert_eq!(p.treatment.max_record_bytes, 1 << 20);
    assert_eq!(p.metrics_listen.map(|a| a.port()), Some(9464));
    assert_eq!(p.tests.len(), 2);
    let line = text.lines().position(|l| l.contains("[[test]]")).unwrap() + 1;
    assert_eq!((p.tests[0].name.as_deref(), p.tests[0].line), (Some("one"), line));
    assert_eq!((&*p.tests[1].input, &*p.tests[1].output), ("c", "d"));
    assert!(p.warnings.is_empty());
    assert!(!format!("{p:?}").contains("'a'"));
}

#[test]
fn a_short_file_gets_the_defaults() {
    let p = parse(STREAM).unwrap();
    assert_eq!((p.source, p.sink), (SourceConfig::Stdin, SinkConfig::Stdout));
    assert_eq!(p.on_error, OnErrorConfig::Redact);
    assert_eq!(p.treatment.policy.profile, Profile::Logs);
    assert_eq!(p.treatment.codec.format, Format::Auto);
    assert_eq!(p.treatment.max_record_bytes, MAX_RECORD_BYTES);
    let SourceConfig::Kafka(source) = parse(KAFKA).unwrap().source else { panic!() };
    assert_eq!(source.group, "scrubjay");
}

#[test]
fn a_key_alone_means_quarantine() {
    let p = parse(&format!("{KAFKA}[on_error]\nkey = \"env:K\"\nto = {{ topic = \"q\" }}\n")).unwrap();
    let to = QuarantineTo::Topic("q".into());
    assert_eq!(p.on_error, OnErrorConfig::Quarantine { key: SecretRef::Env("K".into()), to });
}

/// Text after the edges (so that its first line is the third), and the one error it gets.
#[test]
fn bad_files_get_a_place_and_a_way_out() {
    let cases: &[(&str, &str)] = &[
        (
            "[polcy]\n",
            "3:2: unknown table in the file; did you mean `policy`? in the file stand: source, codec, json, policy, sink, mail, sms, notification, on_error, keys, vault, audit, detect, limits, metrics, test",
        ),
        (
            "[policy]\nprofil = \"logs\"\n",
            "4:1: unknown key in [policy]; did you mean `profile`? in [policy] stand: profile, threshold, kinds, rule, stamp",
        ),
        (
            "[policy]\nprofile = \"log\"\n",
            "4:11: `policy.profile` must be one of logs, safe-harbor, limited-data-set, pseudonymised, notification; did you mean \"logs\"?",
        ),
        ("[policy]\nprofile = 7\n", "4:11: `policy.profile` must be a string"),
        ("[policy]\nthreshold = \"high\"\n", "4:13: `policy.threshold` must be a number from 0 to 1"),
        ("[policy]\nthreshold = 1.5\n", "4:13: `policy.threshold` must be a number from 0 to 1"),
        ("[policy]\nthreshold = nan\n", "4:13: `policy.threshold` must be a number from 0 to 1"),
        (
            "[policy]\nkinds = []\n",
            "4:9: `policy.kinds` must be a list with at least one kind; leave the key out to mean every kind",
        ),
        (
            "[policy]\nkinds = \"ssn\"\n",
            "4:9: `policy.kinds` must be a list of strings; put it in brackets: [\"...\"]",
        ),
        (
            "[policy]\nsubject = \"redact\"\n",
            "4:1: unknown key in [policy]; in [policy] stand: profile, threshold, kinds, rule, stamp",
        ),
        (
            "[policy]\nrule = 1\n",
            "4:8: `policy.rule` must be a list of tables; begin each with a line [[policy.rule]]",
        ),
        (
            "[policy.rule]\nkind = [\"ssn\"]\n",
            "3:1: `policy.rule` must be a list of tables; begin each with a line [[policy.rule]]",
        ),
        (
            "[[policy.rule]]\nkind = [\"ssn\"]\n",
            "3:1: `policy.rule.action` is missing; write what is done: action = \"keep\", \"redact\", \"pseudonym\", \"drop\" or { mask = { keep_last = 4 } }",
        ),
        (
            "[[policy.rule]]\naction = \"seal\"\n",
            "3:1: action `seal` needs a key ring; write [keys] ring = \"ring\"; `scrubjay keys init` makes one",
        ),
        (
            "[policy]\nprofile = \"pseudonymised\"\n",
            "4:11: profile pseudonymised needs a key ring; write [keys] ring = \"ring\"; `scrubjay keys init` makes one",
        ),
        (
            "[keys]\nring = \"r\"\n[policy]\nprofile = \"safe-harbor\"\n[[policy.rule]]\naction = \"pseudonym\"\n",
            "7:1: profile safe-harbor allows no `pseudonym`: what it puts out is derived from the value, and under 45 CFR 164.514(c) a \
             code in de-identified data must not be derived from information about the individual; use \"token\", which is random, \
             \"redact\" or \"generalize\", or profile pseudonymised, whose output is PHI",
        ),
        (
            "[keys]\nring = \"r\"\n[[policy.rule]]\naction = \"date_shift\"\n",
            "6:10: `policy.rule.kind` must be of those that `date_shift` is for; kind = [\"date\"]",
        ),
        (
            "[keys]\nring = \"r\"\n[[policy.rule]]\nkind = [\"date\", \"ssn\"]\naction = { date_shift = { days = 30 } }\n",
            "6:8: `policy.rule.kind` must be of those that `date_shift` is for; kind = [\"date\"]",
        ),
        (
            "[keys]\nring = \"r\"\n[[policy.rule]]\nkind = [\"name\"]\naction = \"format_preserving\"\n",
            "6:8: `policy.rule.kind` must be of those that `format_preserving` is for; kind = [\"phone\", \"fax\", \"ssn\", \"mrn\", \
             \"health_plan_id\", \"account\", \"license\", \"vehicle\", \"device\", \"unique_id\"]",
        ),
        (
            "[keys]\ntenant = { header = \"a\", path = \"$.b\" }\n",
            "4:10: `keys.tenant` must be a name, or one place where it stands; write tenant = \"clinic-a\", tenant = { header = \
             \"x-tenant\" } or tenant = { path = \"$.tenant\" }",
        ),
        (
            "[keys]\ntenant = \" \"\n",
            "4:10: `keys.tenant` must be a name of 1 to 128 bytes; write tenant = \"clinic-a\", tenant = { header = \"x-tenant\" } or \
             tenant = { path = \"$.tenant\" }",
        ),
        ("[keys]\nform = \"curly\"\n", "4:8: `keys.form` must be one of square, round"),
        (
            "[[policy.rule]]\naction = \"remove\"\n",
            "4:10: `policy.rule.action` must be one of keep, date_shift, generalize, surrogate, format_preserving, pseudonym, seal, token, redact, drop, { mask = { keep_last = 4 } }",
        ),
        (
            "[[policy.rule]]\naction = \"msak\"\n",
            "4:10: `policy.rule.action` must be one of keep, date_shift, generalize, surrogate, format_preserving, pseudonym, seal, token, redact, drop, { mask = { keep_last = 4 } }; did you mean { mask = { keep_last = 4 } }?",
        ),
        (
            "[[policy.rule]]\naction = { redact = true }\n",
            "4:12: `policy.rule.action` must be one of keep, date_shift, generalize, surrogate, format_preserving, pseudonym, seal, token, redact, drop, { mask = { keep_last = 4 } }; action = \"redact\"",
        ),
        (
            "[[policy.rule]]\naction = { msk = {} }\n",
            "4:12: unknown table in [policy.rule.action]; did you mean `mask`? in [policy.rule.action] stand: date_shift, mask",
        ),
        (
            "[[policy.rule]]\naction = \"mask\"\n",
            "4:10: `policy.rule.action` must be a table to mask; action = { mask = { keep_last = 4 } }",
        ),
        (
            "[[policy.rule]]\naction = { mask = { keep_last = -1 } }\n",
            "4:33: `policy.rule.action.mask.keep_last` must be a whole number from 0 to 255",
        ),
        (
            "[[policy.rule]]\naction = { mask = { with = \"0\" } }\n",
            "4:28: `policy.rule.action.mask.with` must be one character that is no letter, digit, blank or control character; with = \"*\"",
        ),
        (
            "[[policy.rule]]\naction = { seal = {} }\n",
            "4:12: `policy.rule.action` must be one of keep, date_shift, generalize, surrogate, format_preserving, pseudonym, seal, token, \
             redact, drop, { mask = { keep_last = 4 } }; action = \"seal\"",
        ),
        (
            "[[policy.rule]]\npath = \"$.a b\"\naction = \"keep\"\n",
            "4:10: `policy.rule.path` is not a path pattern; examples: $.patient.*, $.items[*].name, $..ssn",
        ),
        (
            "[codec]\nformat = \"hl7v2\"\n",
            "4:10: `codec.format = \"hl7v2\"` is not in this version; use one of auto, plain, json",
        ),
        ("[json]\nnumber = 0\n", "4:10: `json.number` must be a string"),
        (
            "[on_error]\naction = \"refuse\"\n",
            "4:10: `on_error.action = \"refuse\"` is not in this version; use one of redact, quarantine, halt",
        ),
        (
            "[on_error]\naction = \"quarantine\"\nto = { dir = \"q\" }\n",
            "4:10: `on_error.key` is missing; name a key of 32 bytes: key = \"file:quarantine.key\" or key = \"env:QUARANTINE_KEY\"",
        ),
        (
            "[on_error]\nkey = \"env:K\"\n",
            "3:2: `on_error.to` is missing; write to = { topic = \"scrubjay.quarantine\" } or to = { dir = \"quarantine\" }",
        ),
        (
            "[on_error]\nkey = \"env:K\"\nto = { dir = \"q\", topic = \"t\" }\n",
            "5:1: `on_error.to` must be one place; write to = { topic = \"scrubjay.quarantine\" } or to = { dir = \"quarantine\" }",
        ),
        (
            "[on_error]\nkey = \"env:K\"\nto = { topic = \"t\" }\n",
            "5:1: `on_error.to` must be a directory here; write to = { dir = \"quarantine\" }",
        ),
        (
            "[on_error]\naction = \"halt\"\nkey = \"env:K\"\n",
            "5:7: `on_error.key` is for action = \"quarantine\" only; set action = \"quarantine\", or take this out",
        ),
        (
            "[on_error]\nkey = \"hunter2\"\nto = { dir = \"q\" }\n",
            "4:7: a secret is named here, never written; expected a reference to a secret, `env:NAME` or `file:PATH`; a secret itself is never written here",
        ),
        (
            "[detect]\nroster = \"r\"\n",
            "4:10: `detect.roster` needs the key it was built with; write roster_key = \"env:NAME\" or \"file:PATH\"",
        ),
        (
            "[detect]\nroster_key = \"env:K\"\n",
            "4:14: `detect.roster_key` goes with `detect.roster`; write roster = \"roster.bin\", or take this out",
        ),
        (
            "[limits]\nmax_record_bytes = \"16 M\"\n",
            "4:20: `limits.max_record_bytes` must be a size such as \"16 MiB\"; a size is a whole number and a unit: B, KB, MB, GB (powers of 1000) or KiB, MiB, GiB (powers of 1024)",
        ),
        (
            "[limits]\nmax_record_bytes = 10\n",
            "4:20: `limits.max_record_bytes` must be from 65536 to 1073741824 bytes",
        ),
        (
            "[metrics]\nlisten = \"9464\"\n",
            "4:10: `metrics.listen` must be an IP address and a port; for example \"127.0.0.1:9464\", or \"0.0.0.0:9464\" for every interface",
        ),
        ("[metrics]\n", "3:2: `metrics.listen` is missing; write an address: listen = \"127.0.0.1:9464\""),
        (
            "[[test]]\ninput = 'x'\n",
            "3:1: `test.output` is missing; write the record as it should go out: output = '''...'''",
        ),
        (
            "[vault]\nca_file = \"r\"\n",
            "3:2: [vault] must name one place; write path = \"vault.redb\", or postgres = \"env:NAME\" for a connection string",
        ),
        (
            "[keys]\nring = \"r\"\n[[policy.rule]]\naction = \"token\"\n",
            "5:1: action `token` needs a vault; write [vault] path = \"vault.redb\"; `scrubjay vault init` makes one",
        ),
        (
            "[audit]\nkey = \"file:k\"\n",
            "3:2: `audit.dir` is missing; write the directory of the audit log: dir = \"/var/lib/scrubjay/audit\"",
        ),
        (
            "[policy]\nstamp = { header = \"\" }\n",
            "4:1: `policy.stamp` must be one place with a name; write stamp = { header = \"scrubjay-policy\" } or stamp = { field = \
             \"_scrubjay\" }",
        ),
    ];
    for (text, want) in cases {
        assert_eq!(parse(&format!("{STREAM}{text}")).unwrap_err(), [format!("dir/p.toml:{want}")], "{text}");
    }
}

#[test]
fn bad_edges_get_a_place_and_a_way_out() {
    let source = "[source.kafka]\nbrokers = \"b:1\"\ntopics = [\"t\"]\n";
    let sink = "[sink.kafka]\ntopic = \"clean.{topic}\"\n";
    let cases: &[(String, &[&str])] = &[
        (
            String::new(),
            &[
                "1:1: `source` is missing; name where records come from: [source.kafka], [source.stdin], [source.smtp], [source.milter], [source.http] or [source.smpp]",
                "1:1: `sink` is missing; name where records go: [sink.kafka], [sink.stdout], [sink.smtp], [sink.http] or [sink.smpp]",
            ],
        ),
        (
            "[source.smpp]\nlisten = \"127.0.0.1:1\"\n[sink.stdout]\n".into(),
            &["3:7: [source.smpp] goes with [sink.smpp]; write [sink.smpp]"],
        ),
        (
            "[source.file]\n[sink.stdout]\n".into(),
            &["1:9: unknown table in [source]; in [source] stand: kafka, stdin, smtp, milter, http, smpp"],
        ),
        (
            "[source]\n[sink.stdout]\n".into(),
            &[
                "1:2: `source` must be a table with one table in it; name where records come from: [source.kafka], [source.stdin], [source.smtp], [source.milter], [source.http] or [source.smpp]",
            ],
        ),
        (
            format!("{source}[source.stdin]\n{sink}"),
            &[
                "4:9: there must be one source in [source]; a pipeline is one line: put the other one into a file of its own; `scrubjay run` takes several",
            ],
        ),
        (
            format!("{source}[sink.stdout]\n"),
            &["4:7: [source.kafka] goes with [sink.kafka]; write [sink.kafka]"],
        ),
        (
            format!("{source}delivery = \"exactly-once\"\n{sink}"),
            &[
                "4:12: `source.kafka.delivery = \"exactly-once\"` is not in this version; use one of at-least-once",
            ],
        ),
        (
            format!("[source.kafka]\nbrokers = \"b:1\"\ntopics = []\n{sink}"),
            &["3:10: `source.kafka.topics` must be a list with at least one topic"],
        ),
        (
            format!("[source.kafka]\n{sink}"),
            &[
                "1:9: `source.kafka.topics` is missing; name topics, or patterns that begin with ^: topics = [\"app.logs\", \"^notify\\\\..*\"]",
                "1:9: `source.kafka.brokers` is missing; name at least one: brokers = \"127.0.0.1:9092\"",
            ],
        ),
        (
            format!("[source.kafka]\nbrokers = \"b:1,,\"\ntopics = [\"a b\"]\n{sink}"),
            &[
                "2:11: `source.kafka.brokers` must be addresses, host:port; separate several by commas: \"a:9092,b:9092\"",
                "3:11: `source.kafka.topics` must be the name of a topic; a name has letters, digits, `.`, `_` and `-`; a pattern begins with ^",
            ],
        ),
        (
            format!(
                "{source}properties = {{ \"group.id\" = \"x\", \"sasl.password\" = \"hunter2\" }}\n{sink}"
            ),
            &[
                "4:16: `group.id` cannot be set in source.kafka.properties; use group = \"..\"",
                "4:52: a secret is named here, never written; expected a reference to a secret, `env:NAME` or `file:PATH`; a secret itself is never written here",
            ],
        ),
        (
            format!("{source}properties = {{ fetch.wait.max.ms = 5 }}\n{sink}"),
            &[
                "4:16: `source.kafka.properties.fetch` must be a string; put the name in quotes: \"fetch.wait.max.ms\" = \"50\"",
            ],
        ),
        (
            format!("{source}[sink.kafka]\ntopic = \"clean.{{tpoic}}\"\n"),
            &[
                "5:9: `sink.kafka.topic` must be the name of a topic; a name has letters, digits, `.`, `_` and `-`; {topic} stands for the source's",
            ],
        ),
        (
            format!("{source}{sink}key_action = \"hmac\"\n"),
            &["6:14: `sink.kafka.key_action` must be a table"],
        ),
        (
            format!("{source}{sink}key_action = {{ }}\n"),
            &[
                "6:1: `sink.kafka.key_action.hmac` is missing; write key_action = { hmac = \"file:keys.hmac\" }",
            ],
        ),
    ];
    for (text, want) in cases {
        let want: Vec<String> = want.iter().map(|w| format!("dir/p.toml:{w}")).collect();
        assert_eq!(parse(text).unwrap_err(), want, "{text}");
    }
}

#[test]
fn syntax_errors_have_a_place() {
    for (text, place) in
        [("[source.stdin\n", "1:14:"), ("x = \n", "1:5:"), ("[a]\n[a]\n", "2:2:"), ("x = \"open\n", "1:10:")]
    {
        let all = parse(text).unwrap_err();
        assert!(all[0].starts_with(&format!("dir/p.toml:{place} this is not TOML: ")), "{text:?}: {all:?}");
    }
}

#[test]
fn every_error_is_told_at_once_in_the_order_of_the_file() {
    let all = parse(&format!("{STREAM}[policy]\nthreshold = 2\nprofile = 3\n[zzz]\n")).unwrap_err();
    let lines: Vec<&str> = all.iter().map(|e| e.split(':').nth(1).unwrap()).collect();
    assert_eq!(lines, ["4", "5", "6"]);
}

#[test]
fn no_error_repeats_a_value() {
    for text in [
        "[policy]\nprofile = \"canary\"\n",
        "[policy]\nkinds = [\"canary\"]\n",
        "[[policy.rule]]\naction = \"canary\"\n",
        "[[policy.rule]]\npath = \"canary\"\naction = \"keep\"\n",
        "[limits]\nmax_record_bytes = \"canary\"\n",
        "[metrics]\nlisten = \"canary\"\n",
        "[on_error]\nkey = \"canary\"\nto = { dir = \"q\" }\n",
        "[on_error]\nto = \"canary\"\n",
    ] {
        for line in parse(&format!("{STREAM}{text}")).unwrap_err() {
            assert!(!line.contains("canary"), "{line}");
        }
    }
    // Where the line itself is drawn, a secret in it is blanked.
    let text = format!("{STREAM}[on_error]\nkey = \"canary\"\nto = {{ dir = \"q\" }}\n");
    let drawn = Pipeline::parse(Path::new("p.toml"), &text).unwrap_err()[0].render(false);
    assert!(drawn.contains("key = \"******\"") && !drawn.contains("canary"), "{drawn}");
}

#[test]
fn no_secret_is_drawn() {
    let kafka = |tail: &str| format!("{KAFKA}{tail}\n");
    let only_librdkafka_knows = [
        kafka("properties = { \"sasl.pw\" = \"canary\" }"),
        kafka("properties = { \"security.protocol\" = \"canary\" }"),
    ];
    let only_librdkafka_knows = only_librdkafka_knows.into_iter().filter(|_| cfg!(feature = "kafka"));
    let wrong = [
        kafka("properties = { \"sasl.password\" = \"ca\\\"canary\", \"linger.ms\" = true, group = 1 }"),
        kafka("properties = { \"sasl.p\\u0061ssword\" = \"canary\" }"),
        kafka("properties = { sasl.password = \"canary\" }"),
        kafka("properties = { \"sasl.password\" = [\"canary\"] }"),
        kafka("properties = { \"sasl.password\" = \"x\"canary\" }"),
        kafka("key_action = { hmca = \"canary\" }"),
        kafka("key_action = { hmac = { file = \"canary\" } }"),
        kafka("key_action = { hmac = canary }"),
        kafka("[on_error]\nto = { dir = \"q\", key = \"canary\" }"),
        kafka("[on_error]\nkye = \"canary\""),
        kafka("on_error = { key = \"canary\", to = 1 }"),
        kafka("[on_error.key]\nvalue = \"canary\""),
    ];
    for text in wrong.into_iter().chain(only_librdkafka_knows) {
        let all = Pipeline::parse(Path::new("p.toml"), &text).unwrap_err();
        for e in all {
            let drawn = e.render(false);
            assert!(!drawn.contains("canary") && !e.text.contains("canary"), "{drawn}");
        }
    }
}

#[test]
fn a_rule_that_is_never_used_is_warned_about() {
    let rules = "[[policy.rule]]\nkind = [\"ssn\", \"mrn\"]\naction = \"keep\"\n[[policy.rule]]\nkind = [\"mrn\"]\npath = \"$.x\"\naction = \"drop\"\n";
    let p = parse(&format!("{STREAM}{rules}")).unwrap();
    let all: Vec<String> = p.warnings.iter().map(Diagnostic::to_string).collect();
    assert_eq!(
        all,
        ["dir/p.toml:6:1: this rule is never used; the first rule that holds decides: move this one up"]
    );
    let other = rules.replace("[\"mrn\"]", "[\"mrn\", \"name\"]");
    assert!(parse(&format!("{STREAM}{other}")).unwrap().warnings.is_empty());
}

#[test]
fn a_treatment_needs_no_edges() {
    let text = "[policy]\nprofile = \"safe-harbor\"\n[detect]\npacks = [\"x.toml\"]\n";
    let t = Treatment::parse(Path::new("dir/t.toml"), text).unwrap();
    assert_eq!(t.policy.profile, Profile::SafeHarbor);
    assert_eq!(t.packs, [Path::new("dir/x.toml")]);
    assert!(Treatment::parse(Path::new("t.toml"), KAFKA).is_ok());
    assert!(Treatment::parse(Path::new("t.toml"), "[polic]\n").is_err());
}

#[cfg(feature = "kafka")]
#[test]
fn what_cannot_work_with_kafka_is_seen_without_a_broker() {
    let loops = |key: &str, entry: &str| {
        format!(
            "what goes to `{key}` would be read again, for ever; \"{entry}\" in source.kafka.topics reads that topic: \
             narrow it, or choose another topic here"
        )
    };
    let file = |source: &str, sink: &str| format!("[source.kafka]\n{source}\n[sink.kafka]\n{sink}\n");
    let from = |topics: &str| format!("brokers = \"a:9092,b:9092\"\ntopics = [{topics}]");
    for (text, want) in [
        (file(&from("'app'"), "topic = '{topic}'"), format!("5:9: {}", loops("sink.kafka.topic", "app"))),
        (file(&from("'app', 'x'"), "topic = 'x'"), format!("5:9: {}", loops("sink.kafka.topic", "x"))),
        (file(&from("'^.*'"), "topic = 'clean.{topic}'"), format!("5:9: {}", loops("sink.kafka.topic", "^.*"))),
        (
            file(&from("'app'"), "topic = '{topic}'\nbrokers = 'c, B'"),
            format!("5:9: {}", loops("sink.kafka.topic", "app")),
        ),
        (
            file(&from("'^app'"), "topic = 'clean'\n[on_error]\nkey = 'env:K'\nto = { topic = 'app.bad' }"),
            format!("8:16: {}", loops("on_error.to.topic", "^app")),
        ),
        (
            file(&from("'^a('"), "topic = 'clean'"),
            "3:11: a pattern of `source.kafka.topics` is not a regular expression; a dot that is meant as one is written \
             \\\\. and look-around is not known"
                .to_owned(),
        ),
        (
            file(&format!("{}\nproperties = {{ \"fetch.wait.ms\" = 5 }}", from("'app'")), "topic = 'clean'"),
            "4:16: librdkafka has no such property, in source.kafka.properties; did you mean \"fetch.wait.max.ms\"?"
                .to_owned(),
        ),
        (
            file(&from("'app'"), "topic = 'clean'\nproperties = { \"sasl.pasword\" = \"hunter2\" }"),
            "6:16: librdkafka has no such property, in sink.kafka.properties; did you mean \"sasl.password\"?"
                .to_owned(),
        ),
        (
            file(&from("'app'"), "topic = 'clean'\nproperties = { \"wibble\" = 1 }"),
            "6:16: librdkafka has no such property, in sink.kafka.properties; its names are in librdkafka's \
             CONFIGURATION.md"
                .to_owned(),
        ),
        (
            file(&from("'app'"), "topic = 'clean'\nproperties = { \"linger.ms\" = -1 }"),
            "6:30: `sink.kafka.properties.linger.ms` does not take this value; it takes 0..900000".to_owned(),
        ),
    ] {
        assert_eq!(parse(&text).unwrap_err(), [format!("dir/p.toml:{want}")], "{text}");
    }
    // Another cluster may have the same names.
    assert!(parse(&file(&from("'app'"), "topic = '{topic}'\nbrokers = 'c:9092'")).is_ok());
}
