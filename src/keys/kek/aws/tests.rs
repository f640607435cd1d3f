//! Against moto, which answers as KMS does; and, for what it has no way to do, against answers as AWS documents them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use super::super::servers::{Moto, secret};
use super::*;

fn root() -> Sensitive<[u8; 32]> {
    Sensitive::new([7; 32])
}
const ALIAS: &str = "arn:aws:kms:eu-west-1:123456789012:alias/ring";

type Variables<'a> = Vec<(&'a str, String)>;

fn env<'a>(variables: &'a Variables<'a>) -> impl Fn(&str) -> Option<String> + 'a {
    |name| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| value.clone())
}

fn at(endpoint: &str) -> Variables<'static> {
    vec![
        ("AWS_ENDPOINT_URL_KMS", endpoint.to_string()),
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE".to_string()),
        ("AWS_SECRET_ACCESS_KEY", "s3cr3t-access".to_string()),
    ]
}

fn error<T>(result: Result<T, KekError>) -> KekError {
    let Err(error) = result else { panic!("it worked") };
    assert!(!format!("{error} {error:?}").contains("s3cr3t"), "{error}");
    error
}

#[test]
fn wraps_at_kms() {
    let moto = Moto::start();
    let variables = at(&moto.address);
    let env = env(&variables);
    let alias = KmsKeyRef::parse(ALIAS).unwrap();
    let absent = error(KmsKek::open(&alias, &env));
    assert!(
        matches!(&absent, KekError::Absent(text) if text.contains("alias/ring is not there")),
        "{absent}"
    );

    let kek = KmsKek::create(&alias, &env).unwrap();
    assert!(kek.id().starts_with("aws-kms:arn:aws:kms:eu-west-1:123456789012:key/"), "{}", kek.id());
    assert!(matches!(error(KmsKek::create(&alias, &env)), KekError::Exists(_)));
    wrapped::exercise(&kek, false);
    let by_arn = KmsKek::open(&KmsKeyRef::parse(&kek.arn).unwrap(), &env).unwrap();
    assert!(matches!(
        error(KmsKek::create(&KmsKeyRef::parse(&kek.arn).unwrap(), &env)),
        KekError::Reference(_)
    ));
    let wrapped = kek.wrap(&root(), b"c").unwrap();
    assert_eq!(by_arn.unwrap_key(&wrapped, b"c").unwrap().expose(), &[7; 32]);
    assert_ne!(kek.wrap(&root(), b"c").unwrap(), wrapped);

    let other = KmsKeyRef::parse("arn:aws:kms:eu-west-1:123456789012:alias/other").unwrap();
    let other = KmsKek::create(&other, &env).unwrap();
    let foreign = error(other.unwrap_key(&wrapped, b"c"));
    assert_eq!(foreign, KekError::OtherKey { wrapped: kek.id(), given: other.id() });

    let id = kek.arn.split('/').next_back().unwrap();
    kek.ask("DisableKey", json!({"KeyId": id})).unwrap();
    let disabled = error(KmsKek::open(&alias, &env));
    assert!(matches!(&disabled, KekError::Absent(text) if text.contains("state Disabled")), "{disabled}");
    assert!(matches!(error(KmsKek::create(&alias, &env)), KekError::Exists(_)));
    kek.ask("EnableKey", json!({"KeyId": id})).unwrap();
    kek.ask("ScheduleKeyDeletion", json!({"KeyId": id, "PendingWindowInDays": 7})).unwrap();
    let deleted = error(KmsKek::open(&alias, &env));
    assert!(matches!(&deleted, KekError::Absent(text) if text.contains("PendingDeletion")), "{deleted}");

    let signing =
        kek.ask("CreateKey", json!({"KeyUsage": "SIGN_VERIFY", "KeySpec": "ECC_NIST_P256"})).unwrap();
    let signing = KmsKeyRef::parse(signing.pointer("/KeyMetadata/Arn").unwrap().as_str().unwrap()).unwrap();
    let unfit = error(KmsKek::open(&signing, &env));
    assert!(matches!(&unfit, KekError::Unsuitable(text) if text.contains("no symmetric key")), "{unfit}");

    let address = moto.address.clone();
    drop(moto);
    let gone = error(kek.unwrap_key(&wrapped, b"c"));
    assert!(
        matches!(&gone, KekError::Unavailable(text) if text.contains("connection refused")),
        "{gone} {address}"
    );
}

/// A server of one page: gives the answers in their order, the last one for ever, and keeps the requests' heads.
fn answering(answers: Vec<(u16, String)>) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let heads = Arc::<Mutex<Vec<String>>>::default();
    let kept = heads.clone();
    // Ends with the process: the test is over by then.
    std::thread::spawn(move || {
        let mut answers = answers.into_iter().peekable();
        let mut last = (500, String::new());
        for connection in listener.incoming() {
            let mut connection = BufReader::new(connection.unwrap());
            let (mut head, mut length) = (String::new(), 0);
            while !head.ends_with("\r\n\r\n") {
                let start = head.len();
                if connection.read_line(&mut head).unwrap() == 0 {
                    break;
                }
                if let Some(n) = head[start..].to_lowercase().strip_prefix("content-length:") {
                    length = n.trim().parse().unwrap();
                }
            }
            connection.read_exact(&mut vec![0; length]).unwrap();
            kept.lock().unwrap().push(head);
            last = answers.next().unwrap_or(last);
            let (status, body) = &last;
            let head =
                format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            connection.get_mut().write_all((head + body).as_bytes()).unwrap();
        }
    });
    (address, heads)
}

#[test]
fn each_refusal_of_kms_says_what_to_do() {
    type Is = fn(&KekError) -> bool;
    let denied: Is = |e| matches!(e, KekError::Denied(_));
    let absent: Is = |e| matches!(e, KekError::Absent(_));
    let unavailable: Is = |e| matches!(e, KekError::Unavailable(_));
    let skew = "Signature expired: 20150830T123600Z is now earlier than 20150830T133100Z (20150830T133600Z - 5 min.)";
    for (status, kind, message, is, says) in [
        (400, "AccessDeniedException", "User s3cr3t is not authorized", denied, "must allow kms:DescribeKey"),
        (400, "InvalidSignatureException", skew, denied, "set it by NTP"),
        (400, "InvalidSignatureException", "does not match s3cr3t", denied, "check the access key"),
        (
            400,
            "ExpiredTokenException",
            "The security token is expired",
            denied,
            "session of the credentials has expired",
        ),
        (
            400,
            "UnrecognizedClientException",
            "The security token is invalid",
            denied,
            "does not know these credentials",
        ),
        (400, "com.amazonaws.kms#NotFoundException", "", absent, "is not there"),
        (400, "DisabledException", "", absent, "state Disabled"),
        (409, "KMSInvalidStateException", "", absent, "cancel its deletion"),
        (400, "ThrottlingException", "", unavailable, "try again later"),
        (500, "KMSInternalException", "s3cr3t", unavailable, "answers 500"),
        (302, "", "", unavailable, "answers 302"),
    ] {
        let (address, heads) =
            answering(vec![(status, json!({"__type": kind, "message": message}).to_string())]);
        let variables = at(&address);
        let error = error(KmsKek::open(&KmsKeyRef::parse(ALIAS).unwrap(), &env(&variables)));
        assert!(is(&error) && error.to_string().contains(says), "{kind}: {error:?}");
        let tries = heads.lock().unwrap().len();
        assert_eq!(tries, if status >= 500 { 3 } else { 1 }, "{kind}");
    }
}

#[test]
fn what_makes_something_is_asked_for_once() {
    let nothing = json!({"__type": "NotFoundException"}).to_string();
    let (address, heads) = answering(vec![(400, nothing), (500, String::new())]);
    let variables = at(&address);
    assert!(matches!(
        error(KmsKek::create(&KmsKeyRef::parse(ALIAS).unwrap(), &env(&variables))),
        KekError::Unavailable(_)
    ));
    assert_eq!(heads.lock().unwrap().len(), 2);
}

#[test]
fn an_answer_that_is_not_of_kms_is_refused() {
    let metadata = json!({"KeyMetadata": {"Arn": "arn:aws:kms:eu-west-1:123456789012:key/mrk-1", "KeyState": "Enabled",
        "KeyUsage": "ENCRYPT_DECRYPT", "KeySpec": "SYMMETRIC_DEFAULT"}});
    for odd in [
        "",
        "[]",
        "{}",
        r#"{"CiphertextBlob":7}"#,
        r#"{"CiphertextBlob":"!"}"#,
        r#"{"CiphertextBlob":"","Plaintext":"AAAA"}"#,
    ] {
        let (address, _) = answering(vec![(200, metadata.to_string()), (200, odd.to_string())]);
        let variables = at(&address);
        let kek = KmsKek::open(&KmsKeyRef::parse(ALIAS).unwrap(), &env(&variables)).unwrap();
        assert_eq!(kek.id(), "aws-kms:arn:aws:kms:*:123456789012:key/mrk-1");
        let says = |e: KekError| assert!(e.to_string().contains("as KMS does"), "{odd}: {e}");
        says(error(kek.wrap(&root(), b"")));
        says(error(kek.unwrap_key(&[&wrapped::head(&kek.id())[..], b"x"].concat(), b"")));
    }
}

const GIVEN: &str =
    r#"{"Code":"Success","AccessKeyId":"ASIAEXAMPLE","SecretAccessKey":"s3cr3t","Token":"s3cr3t-session"}"#;

#[test]
fn credentials_of_the_machine_are_asked_for_by_imdsv2() {
    let (address, heads) =
        answering(vec![(200, "t0ken".into()), (200, "role-a\n".into()), (200, GIVEN.into())]);
    let variables = vec![("AWS_EC2_METADATA_SERVICE_ENDPOINT", address)];
    let found = Source::find(&env(&variables)).unwrap().read().unwrap();
    assert_eq!((&*found.access_key, &**found.session.unwrap().expose()), ("ASIAEXAMPLE", "s3cr3t-session"));
    let heads = heads.lock().unwrap();
    assert!(
        heads[0].starts_with("PUT /latest/api/token ") && heads[0].contains("ttl-seconds: 60"),
        "{heads:?}"
    );
    assert!(heads[2].starts_with("GET /latest/meta-data/iam/security-credentials/role-a "), "{heads:?}");
    assert!(heads[1..].iter().all(|head| head.contains("x-aws-ec2-metadata-token: t0ken")), "{heads:?}");
    // Without a role there is a 404; a name that would lead elsewhere is not followed.
    for (status, role) in [(404, ""), (200, "../../user-data"), (200, "")] {
        let (address, _) = answering(vec![(200, "t".into()), (status, role.into()), (200, GIVEN.into())]);
        let variables = vec![("AWS_EC2_METADATA_SERVICE_ENDPOINT", address)];
        assert!(
            matches!(error(Source::find(&env(&variables)).unwrap().read()), KekError::Absent(_)),
            "{role}"
        );
    }
}

#[test]
fn credentials_of_a_container_and_of_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let token = dir.path().join("token");
    std::fs::write(&token, "Bearer s3cr3t\n").unwrap();
    let (address, heads) = answering(vec![(200, GIVEN.into()), (403, "{}".into())]);
    let variables = vec![
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{address}/v1/credentials")),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", token.display().to_string()),
    ];
    let source = Source::find(&env(&variables)).unwrap();
    assert_eq!(source.read().unwrap().access_key, "ASIAEXAMPLE");
    assert!(heads.lock().unwrap()[0].contains("authorization: Bearer s3cr3t\r\n"));
    assert!(matches!(error(source.read()), KekError::Denied(_)));

    let file = dir.path().join("credentials");
    secret(&file, "[team]\naws_access_key_id = A\naws_secret_access_key = s3cr3t\n");
    let mut variables = vec![
        ("AWS_SHARED_CREDENTIALS_FILE", file.display().to_string()),
        ("AWS_PROFILE", "team".to_string()),
    ];
    assert_eq!(Source::find(&env(&variables)).unwrap().read().unwrap().access_key, "A");
    variables[1].1 = "other".to_string();
    assert!(
        matches!(error(Source::find(&env(&variables))), KekError::Absent(text) if text.contains("[other]"))
    );
}

#[test]
fn endpoints_follow_the_partition_and_are_overridden_with_care() {
    let arn = |text: &str| KmsKeyRef::parse(text).unwrap();
    let none = at("");
    let none: Variables<'_> = none.into_iter().skip(1).collect();
    for (reference, endpoint) in [
        (ALIAS, "https://kms.eu-west-1.amazonaws.com"),
        ("arn:aws-us-gov:kms:us-gov-west-1:123456789012:key/a", "https://kms.us-gov-west-1.amazonaws.com"),
        ("arn:aws-cn:kms:cn-north-1:123456789012:key/a", "https://kms.cn-north-1.amazonaws.com.cn"),
    ] {
        assert_eq!(KmsKek::new(&arn(reference), &env(&none)).unwrap().endpoint, endpoint);
    }
    let mut fips = none.clone();
    fips.push(("AWS_USE_FIPS_ENDPOINT", "true".into()));
    assert_eq!(
        KmsKek::new(&arn(ALIAS), &env(&fips)).unwrap().endpoint,
        "https://kms-fips.eu-west-1.amazonaws.com"
    );
    let odd = error(KmsKek::new(&arn("arn:aws-iso:kms:us-iso-east-1:123456789012:key/a"), &env(&none)));
    assert!(odd.to_string().contains("AWS_ENDPOINT_URL_KMS"), "{odd}");
    for (endpoint, fine) in
        [("http://127.0.0.1:1/", true), ("https://h", true), ("http://h", false), ("https://h/x", false)]
    {
        assert_eq!(KmsKek::new(&arn(ALIAS), &env(&at(endpoint))).is_ok(), fine, "{endpoint}");
    }
}
