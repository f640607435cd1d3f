//! What may stand for a `$slot` of a template. One table: its name, what kind of identifier it is if it is one, and how it is written.

use std::fmt::Write;

use super::names::{Lists, Town};
use super::random::Random;
use super::record::Kind;
use super::values::{self, DateForm, Person};

/// What the slots of one record are filled from.
pub struct Scene<'l> {
    pub r: Random,
    pub lists: &'l Lists,
    pub person: Person,
    /// Seconds since 1970, and milliseconds: it goes on from record to record.
    pub now: (u64, u64),
}

/// A slot of a template.
pub struct Slot {
    pub name: &'static str,
    /// What is planted; none for what is no identifier.
    pub kind: Option<Kind>,
    pub write: fn(&mut Scene<'_>, &mut String),
}

macro_rules! slots {
    ($($name:ident $(: $kind:ident)? = |$s:pat_param, $out:ident| $write:expr;)*) => {
        pub const SLOTS: &[Slot] = &[$(Slot {
            name: stringify!($name),
            kind: slots!(@kind $($kind)?),
            write: |$s, $out| { let _ = $write; },
        },)*];
    };
    (@kind) => { None };
    (@kind $kind:ident) => { Some(Kind::$kind) };
}

/// A shorter way to write one.
macro_rules! w {
    ($out:ident, $($arg:tt)*) => { write!($out, $($arg)*) };
}

slots! {
    // Who.
    full: Name = |s, out| w!(out, "{} {}", s.person.given, s.person.surname);
    full_mid: Name = |s, out| w!(out, "{} {}. {}", s.person.given, initial(&s.person.middle), s.person.surname);
    full_long: Name = |s, out| w!(out, "{} {} {}", s.person.given, s.person.middle, s.person.surname);
    given: Name = |s, out| w!(out, "{}", s.person.given);
    middle: Name = |s, out| w!(out, "{}", s.person.middle);
    family: Name = |s, out| w!(out, "{}", s.person.surname);
    given_low: Name = |s, out| w!(out, "{}", s.person.given.to_lowercase());
    family_low: Name = |s, out| w!(out, "{}", s.person.surname.to_lowercase());
    full_low: Name = |s, out| w!(out, "{} {}", s.person.given.to_lowercase(), s.person.surname.to_lowercase());
    full_caps: Name = |s, out| w!(out, "{} {}", s.person.given.to_uppercase(), s.person.surname.to_uppercase());
    family_caps: Name = |s, out| w!(out, "{}", s.person.surname.to_uppercase());
    given_caps: Name = |s, out| w!(out, "{}", s.person.given.to_uppercase());
    middle_caps: Name = |s, out| w!(out, "{}", s.person.middle.to_uppercase());
    last_first: Name = |s, out| w!(out, "{}, {}", s.person.surname, s.person.given);
    last_first_caps: Name = |s, out| w!(out, "{}, {}", s.person.surname.to_uppercase(), s.person.given.to_uppercase());
    initial_family: Name = |s, out| w!(out, "{}. {}", initial(&s.person.given), s.person.surname);
    given_initial: Name = |s, out| w!(out, "{} {}.", s.person.given, initial(&s.person.surname));
    // Somebody else: a doctor, a nurse, a relative.
    other: Name = |s, out| w!(out, "{} {}", s.r.pick(&s.lists.given), s.r.pick(&s.lists.surnames));
    other_given: Name = |s, out| w!(out, "{}", s.r.pick(&s.lists.given));
    other_family: Name = |s, out| w!(out, "{}", s.r.pick(&s.lists.surnames));
    other_family_caps: Name = |s, out| w!(out, "{}", s.r.pick(&s.lists.surnames).to_uppercase());
    other_given_caps: Name = |s, out| w!(out, "{}", s.r.pick(&s.lists.given).to_uppercase());

    // When they were born.
    dob: Dob = |s, out| s.r.pick(&DateForm::ALL).write(s.person.born, out);
    dob_us: Dob = |s, out| DateForm::Us.write(s.person.born, out);
    dob_short: Dob = |s, out| DateForm::UsShort.write(s.person.born, out);
    dob_iso: Dob = |s, out| DateForm::Iso.write(s.person.born, out);
    dob_long: Dob = |s, out| DateForm::Long.write(s.person.born, out);
    dob_eu: Dob = |s, out| DateForm::European.write(s.person.born, out);
    dob_oracle: Dob = |s, out| DateForm::Oracle.write(s.person.born, out);
    dob_compact: Dob = |s, out| DateForm::Compact.write(s.person.born, out);

    // Numbers.
    ssn: Ssn = |s, out| values::ssn(&mut s.r, "-", out);
    ssn_spaced: Ssn = |s, out| values::ssn(&mut s.r, " ", out);
    ssn_plain: Ssn = |s, out| values::ssn(&mut s.r, "", out);
    mrn: Mrn = |s, out| values::mrn(&mut s.r, out);
    mrn_digits: Mrn = |s, out| w!(out, "{}", s.r.range(1_000_000, 99_999_999));
    phone: Phone = |s, out| { let form = s.r.below(10); values::phone(&mut s.r, form, out) };
    phone_dashed: Phone = |s, out| values::phone(&mut s.r, 1, out);
    phone_e164: Phone = |s, out| values::phone(&mut s.r, 5, out);
    phone_plain: Phone = |s, out| values::phone(&mut s.r, 6, out);
    phone_hl7: Phone = |s, out| values::phone(&mut s.r, 8, out);
    email: Email = |s, out| values::email(&mut s.r, &s.person, out);
    street: Address = |s, out| street(s, out);
    street_caps: Address = |s, out| { street(s, out); out.make_ascii_uppercase() };
    card: Card = |s, out| { let between = *s.r.pick(&["", " ", "-"]); values::card(&mut s.r, between, out) };
    card_plain: Card = |s, out| values::card(&mut s.r, "", out);
    account: Account = |s, out| { let n = s.r.range(8, 12) as usize; s.r.digits(n, out) };
    member: Member = |s, out| values::member(&mut s.r, out);
    mbi: Member = |s, out| values::mbi(&mut s.r, false, out);
    mbi_dashed: Member = |s, out| values::mbi(&mut s.r, true, out);
    npi: Npi = |s, out| values::npi(&mut s.r, out);
    dea: Dea = |s, out| values::dea(&mut s.r, &s.person.surname, out);
    vin: Vin = |s, out| values::vin(&mut s.r, out);
    client_ip: Ip = |s, out| values::public_ip(&mut s.r, out);
    client_ip6: Ip = |s, out| values::public_ip6(&mut s.r, out);
    device: Device = |s, out| values::device(&mut s.r, out);
    imei: Device = |s, out| values::imei(&mut s.r, out);
    mac: Device = |s, out| values::mac(&mut s.r, out);
    link_token: Url = |s, out| s.r.letters(ALNUM, 22, out);
    link_id: Url = |s, out| { let n = s.r.range(6, 10) as usize; s.r.digits(n, out) };

    // Neither: times, appointments, clinics.
    iso: Neutral = |s, out| clock(s).iso('T', ".", "Z", out);
    iso_us: Neutral = |s, out| { let rest = s.r.below(1000); clock(s).micros(rest, out) };
    iso_zone: Neutral = |s, out| clock(s).iso('T', ".", "+00:00", out);
    log4j: Neutral = |s, out| clock(s).iso(' ', ",", "", out);
    spaced: Neutral = |s, out| clock(s).iso(' ', ".", "", out);
    syslog: Neutral = |s, out| { let t = clock(s); w!(out, "{} {:>2} {}", t.short_month(), t.day, t.hms()) };
    clf: Neutral = |s, out| { let t = clock(s); w!(out, "{:02}/{}/{}:{} +0000", t.day, t.short_month(), t.year, t.hms()) };
    klog: Neutral = |s, out| { let t = clock(s); w!(out, "{:02}{:02} {}.{:03}{:03}", t.month, t.day, t.hms(), t.ms, s.r.below(1000)) };
    us_time: Neutral = |s, out| { let t = clock(s); w!(out, "{:02}/{:02}/{} {}", t.month, t.day, t.year, t.hms()) };
    epoch: Neutral = |s, out| w!(out, "{}", s.now.0);
    epoch_ms: Neutral = |s, out| w!(out, "{}{:03}", s.now.0, s.now.1);
    epoch_float: Neutral = |s, out| w!(out, "{}.{:03}", s.now.0, s.now.1);
    day: Neutral = |s, out| { let t = clock(s); w!(out, "{}-{:02}-{:02}", t.year, t.month, t.day) };
    hl7_time: Neutral = |s, out| { let t = clock(s); w!(out, "{}{:02}{:02}{}", t.year, t.month, t.day, t.hms().replace(':', "")) };
    hl7_day: Neutral = |s, out| { let t = clock(s); w!(out, "{}{:02}{:02}", t.year, t.month, t.day) };
    visit: Neutral = |s, out| visit(s, out);
    hour: Neutral = |s, out| { let half = *s.r.pick(&["am", "pm", " AM", " PM"]); w!(out, "{}:{:02}{half}", s.r.range(1, 12), 5 * s.r.below(12)) };
    clinic: Neutral = |s, out| w!(out, "{} {}", s.r.pick(CLINIC_NAMES), s.r.pick(CLINIC_TYPES));
    // A key of a database leads to a patient only for who has the database.
    patient_key: Neutral = |s, out| w!(out, "{}", s.r.range(1000, 9_999_999));
    // Town, state and ZIP code go with each other; each street is in another town.
    town: City = |s, out| w!(out, "{}", town(s).city);
    town_caps: City = |s, out| w!(out, "{}", town(s).city.to_uppercase());
    state = |s, out| w!(out, "{}", town(s).state);
    zip: Zip = |s, out| zip(s, out);

    // What logs are full of.
    level = |s, out| w!(out, "{}", s.r.pick(&["INFO", "INFO", "INFO", "INFO", "WARN", "DEBUG", "DEBUG", "ERROR"]));
    level_low = |s, out| w!(out, "{}", s.r.pick(&["info", "info", "info", "warn", "debug", "error"]));
    ms = |s, out| w!(out, "{}", s.r.below(1900));
    n = |s, out| w!(out, "{}", s.r.range(1, 64));
    small = |s, out| w!(out, "{}", s.r.below(6));
    count = |s, out| w!(out, "{}", s.r.below(25_000));
    bytes = |s, out| w!(out, "{}", s.r.range(128, 90_000_000));
    float = |s, out| w!(out, "{}.{:03}", s.r.below(100), s.r.below(1000));
    ratio = |s, out| w!(out, "0.{:04}", s.r.below(10_000));
    pct = |s, out| w!(out, "{}.{}", s.r.below(100), s.r.below(10));
    bool = |s, out| w!(out, "{}", s.r.chance(1, 2));
    id = |s, out| { let n = s.r.range(4, 9); w!(out, "{}", s.r.range(10u64.pow(n as u32 - 1), 10u64.pow(n as u32) - 1)) };
    id10 = |s, out| w!(out, "{}", s.r.range(1_000_000_000, 9_999_999_999));
    offset = |s, out| w!(out, "{}", s.r.below(4_000_000_000));
    hex6 = |s, out| s.r.hex(6, out);
    hex8 = |s, out| s.r.hex(8, out);
    hex12 = |s, out| s.r.hex(12, out);
    hex16 = |s, out| s.r.hex(16, out);
    hex32 = |s, out| s.r.hex(32, out);
    sha = |s, out| s.r.hex(40, out);
    digest = |s, out| s.r.hex(64, out);
    uuid = |s, out| uuid(s, out);
    ulid = |s, out| { out.push_str("01J"); s.r.letters("0123456789ABCDEFGHJKMNPQRSTVWXYZ", 23, out) };
    base64 = |s, out| { let n = 4 * s.r.range(5, 16) as usize; s.r.letters(BASE64, n, out) };
    pod_ip = |s, out| private_ip(s, out);
    port = |s, out| w!(out, "{}", s.r.pick(&[80, 443, 3306, 5432, 6379, 8080, 8443, 9042, 9092, 27017, 50051]));
    pod = |s, out| { w!(out, "{}-", s.r.pick(SERVICES)).ok(); s.r.hex(9, out); out.push('-'); s.r.letters("bcdfghjklmnpqrstvwxz2456789", 5, out) };
    host = |s, out| w!(out, "{}-{:02}.{}.internal", s.r.pick(&["app", "db", "ip", "node", "worker", "edge"]), s.r.below(60), s.r.pick(REGIONS));
    region = |s, out| w!(out, "{}", s.r.pick(REGIONS));
    svc = |s, out| w!(out, "{}", s.r.pick(SERVICES));
    class = |s, out| w!(out, "{}{}", s.r.pick(CLASS_HEADS), s.r.pick(CLASS_TAILS));
    package = |s, out| w!(out, "{}", s.r.pick(PACKAGES));
    method = |s, out| w!(out, "{}", s.r.pick(&["GET", "GET", "GET", "POST", "PUT", "PATCH", "DELETE"]));
    func = |s, out| w!(out, "{}{}", s.r.pick(&["get", "load", "handle", "process", "on", "do", "find", "apply", "resolve", "flush"]), s.r.pick(CLASS_HEADS));
    status = |s, out| w!(out, "{}", s.r.pick(&[200, 200, 200, 200, 201, 202, 204, 301, 304, 400, 401, 403, 404, 409, 422, 429, 500, 502, 503, 504]));
    path = |s, out| path(s, out);
    file = |s, out| w!(out, "{}.{}", s.r.pick(WORDS), s.r.pick(&["go", "py", "rs", "ts", "java", "kt", "rb"]));
    line = |s, out| w!(out, "{}", s.r.range(11, 940));
    frame = |s, out| frame(s, out);
    exception = |s, out| w!(out, "{}", s.r.pick(EXCEPTIONS));
    sql = |s, out| sql(s, out);
    table = |s, out| w!(out, "{}", s.r.pick(TABLES));
    topic = |s, out| w!(out, "{}.{}.v{}", s.r.pick(TABLES), s.r.pick(&["created", "updated", "events", "dlq", "cdc"]), s.r.range(1, 4));
    ver = |s, out| w!(out, "{}.{}.{}", s.r.below(12), s.r.below(40), s.r.below(120));
    ver4 = |s, out| w!(out, "{}.{}.{}.{}", s.r.below(4), s.r.below(20), s.r.below(12), s.r.below(4000));
    dur = |s, out| w!(out, "{}{}", s.r.range(1, 900), s.r.pick(&["ms", "us", "s", "m", "h"]));
    iso_dur = |s, out| w!(out, "PT{}M{}S", s.r.below(60), s.r.below(60));
    thread = |s, out| w!(out, "{}-{}", s.r.pick(&["http-nio-8080-exec", "pool-3-thread", "kafka-consumer", "scheduling", "ForkJoinPool-worker", "grpc-default-executor", "main"]), s.r.range(1, 48));
    pid = |s, out| w!(out, "{}", s.r.range(2, 65_000));
    word = |s, out| w!(out, "{}", s.r.pick(WORDS));
    flag = |s, out| w!(out, "{}-{}-{}", s.r.pick(WORDS), s.r.pick(WORDS), s.r.pick(&["enabled", "rollout", "beta", "v2", "canary"]));
    staff = |s, out| w!(out, "{}{}", s.r.pick(&["u", "svc-", "emp", "adm"]), s.r.range(1000, 99_999));
    agent = |s, out| agent(s, out);
    cron = |s, out| w!(out, "{} {} * * {}", s.r.below(60), s.r.below(24), s.r.pick(&["*", "1-5", "0", "6"]));
    icd = |s, out| w!(out, "{}{:02}.{}", s.r.pick(&["E", "I", "J", "K", "M", "N", "R", "S", "Z"]), s.r.below(100), s.r.below(10));
    cpt = |s, out| w!(out, "{}", s.r.range(90_000, 99_499));
    loinc = |s, out| w!(out, "{}-{}", s.r.range(1000, 89_999), s.r.below(10));
    lab = |s, out| w!(out, "{}", s.r.pick(LABS));
    drug = |s, out| w!(out, "{} {} mg", s.r.pick(DRUGS), s.r.pick(&[5, 10, 20, 25, 40, 50, 81, 100, 250, 500, 850]));
    dept = |s, out| w!(out, "{}", s.r.pick(DEPARTMENTS));
    money = |s, out| w!(out, "${}.{:02}", s.r.range(4, 1900), s.r.below(100));
    code6 = |s, out| s.r.digits(6, out);
    short_code = |s, out| w!(out, "{}", s.r.range(20_000, 99_999));
    sex = |s, out| w!(out, "{}", s.r.pick(&["M", "F", "F", "M", "O", "U"]));
    ward = |s, out| w!(out, "{}{}", s.r.range(2, 9), s.r.pick(&["N", "E", "S", "W"]));
}

const ALNUM: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const BASE64: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const REGIONS: &[&str] =
    &["us-east-1", "us-east-2", "us-west-2", "eu-central-1", "ca-central-1", "centralus", "westeurope"];
pub const SERVICES: &[&str] = &[
    "scheduler",
    "admissions",
    "billing",
    "lab-gateway",
    "portal-api",
    "imaging",
    "pharmacy",
    "claims",
    "eligibility",
    "identity",
    "notifier",
    "document-store",
    "audit",
    "search",
    "care-plan",
    "telehealth",
    "rx-router",
    "consent",
    "fhir-proxy",
    "hl7-bridge",
];
const CLASS_HEADS: &[&str] = &[
    "Patient",
    "Encounter",
    "Claim",
    "Order",
    "Session",
    "Token",
    "Cache",
    "Batch",
    "Message",
    "Schedule",
    "Document",
    "Report",
    "Audit",
    "Index",
    "Payment",
    "Coverage",
    "Consent",
    "Route",
    "Retry",
    "Lease",
    "Snapshot",
    "Tenant",
    "Feature",
    "Archive",
];
const CLASS_TAILS: &[&str] = &[
    "Service",
    "Controller",
    "Repository",
    "Handler",
    "Filter",
    "Listener",
    "Worker",
    "Client",
    "Factory",
    "Mapper",
    "Validator",
    "Resolver",
    "Interceptor",
    "Manager",
    "Processor",
    "Job",
];
const PACKAGES: &[&str] = &[
    "org.example.care.web",
    "org.example.care.db",
    "org.example.billing",
    "com.example.hl7",
    "org.apache.kafka.clients.consumer",
    "org.springframework.web.servlet",
    "com.zaxxer.hikari.pool",
    "io.netty.channel",
    "org.hibernate.engine.jdbc.spi",
    "com.fasterxml.jackson.databind",
    "io.grpc.internal",
    "org.eclipse.jetty.server",
    "com.example.scheduling.core",
];
const EXCEPTIONS: &[&str] = &[
    "java.lang.NullPointerException",
    "java.net.SocketTimeoutException",
    "java.sql.SQLTransientConnectionException",
    "org.springframework.dao.DuplicateKeyException",
    "java.util.concurrent.TimeoutException",
    "ValueError",
    "KeyError",
    "com.fasterxml.jackson.core.JsonParseException",
    "io.grpc.StatusRuntimeException",
    "ECONNRESET",
    "context deadline exceeded",
    "java.lang.IllegalStateException",
    "requests.exceptions.ConnectionError",
    "ConstraintViolationException",
];
const TABLES: &[&str] = &[
    "appointments",
    "encounters",
    "claims",
    "orders",
    "results",
    "patients",
    "payments",
    "documents",
    "audit_log",
    "coverages",
    "sessions",
    "messages",
    "medications",
    "allergies",
    "referrals",
    "tasks",
    "devices",
    "consents",
];
const WORDS: &[&str] = &[
    "intake", "billing", "export", "refill", "triage", "ledger", "rollup", "ingest", "mirror", "digest",
    "nightly", "session", "avatar", "letter", "invoice", "queue", "router", "parser", "cursor", "worker",
    "shadow", "canary", "backfill", "reminder", "survey", "vitals", "upload", "render", "fanout", "replay",
    "window", "bucket", "policy", "legacy", "mobile", "kiosk", "checkin", "waitlist",
];
const LABS: &[&str] = &[
    "HbA1c",
    "potassium",
    "sodium",
    "creatinine",
    "TSH",
    "hemoglobin",
    "platelets",
    "LDL",
    "glucose",
    "troponin",
    "INR",
    "bilirubin",
    "ferritin",
    "vitamin D",
    "eGFR",
    "white count",
];
const DRUGS: &[&str] = &[
    "lisinopril",
    "metformin",
    "atorvastatin",
    "amlodipine",
    "omeprazole",
    "losartan",
    "sertraline",
    "gabapentin",
    "prednisone",
    "levothyroxine",
    "warfarin",
    "insulin glargine",
    "albuterol",
    "escitalopram",
    "furosemide",
    "apixaban",
];
const DEPARTMENTS: &[&str] = &[
    "Cardiology",
    "Dermatology",
    "Radiology",
    "Pediatrics",
    "Oncology",
    "Orthopedics",
    "Neurology",
    "Primary Care",
    "Endocrinology",
    "Physical Therapy",
    "Imaging",
    "Urology",
    "Behavioral Health",
    "Women's Health",
];
const CLINIC_NAMES: &[&str] = &[
    "Riverside",
    "Lakeview",
    "Northgate",
    "St. Brendan",
    "Cedar Valley",
    "Mercy",
    "Harbor",
    "Westfield",
    "Summit",
    "Good Samaritan",
    "Blue Mesa",
    "Fairhaven",
    "Union Square",
    "Highland Park",
    "Three Rivers",
];
const CLINIC_TYPES: &[&str] = &[
    "Clinic",
    "Medical Center",
    "Family Practice",
    "Health",
    "Hospital",
    "Pediatrics",
    "Imaging Center",
    "Urgent Care",
];
const DAYS: &[&str] =
    &["Mon", "Tue", "Wed", "Thu", "Fri", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday"];

fn initial(name: &str) -> char {
    name.chars().next().unwrap_or('X')
}

fn town<'l>(s: &Scene<'l>) -> &'l Town {
    &s.lists.towns[s.person.town]
}

fn street(s: &mut Scene<'_>, out: &mut String) {
    s.person.town = s.r.index(&s.lists.towns);
    values::street(&mut s.r, s.lists, out);
}

fn zip(s: &mut Scene<'_>, out: &mut String) {
    let _ = write!(out, "{}{:02}", town(s).zip3, s.r.below(100));
    if s.r.chance(1, 5) {
        let _ = write!(out, "-{:04}", s.r.range(1, 9999));
    }
}

fn uuid(s: &mut Scene<'_>, out: &mut String) {
    let (a, b) = (s.r.next(), s.r.next());
    let (head, tail) = ((b >> 48) & 0x3fff | 0x8000, b & 0xffff_ffff_ffff);
    let _ =
        write!(out, "{:08x}-{:04x}-4{:03x}-{head:04x}-{tail:012x}", a >> 32, (a >> 16) & 0xffff, a & 0xfff);
}

fn private_ip(s: &mut Scene<'_>, out: &mut String) {
    let (a, b, c) = (s.r.below(256), s.r.below(256), s.r.range(1, 254));
    let _ = match s.r.below(6) {
        0 => write!(out, "192.168.{b}.{c}"),
        1 => write!(out, "172.{}.{b}.{c}", 16 + a % 16),
        2 => write!(out, "127.0.0.1"),
        _ => write!(out, "10.{a}.{b}.{c}"),
    };
}

fn path(s: &mut Scene<'_>, out: &mut String) {
    let (table, word, n) = (*s.r.pick(TABLES), *s.r.pick(WORDS), s.r.below(900_000));
    let _ = match s.r.below(8) {
        0 => write!(out, "/api/v{}/{table}/{n}", s.r.range(1, 4)),
        1 => write!(out, "/api/v2/{table}/{n}/{word}"),
        2 => write!(
            out,
            "/fhir/r4/{}/{n}",
            s.r.pick(&["Location", "Slot", "Observation", "Claim", "Appointment"])
        ),
        3 => write!(out, "/static/{word}.{:08x}.js", s.r.below(1 << 32)),
        4 => write!(out, "/internal/{word}/health"),
        5 => write!(out, "/{table}?page={}&size={}&sort={word}", s.r.below(90), s.r.pick(&[10, 20, 50, 100])),
        6 => write!(out, "/graphql?op={word}{}", s.r.pick(CLASS_HEADS)),
        _ => {
            out.push_str("/v1/tenants/");
            uuid(s, out);
            write!(out, "/{table}")
        }
    };
}

fn frame(s: &mut Scene<'_>, out: &mut String) {
    let (package, class, tail) = (*s.r.pick(PACKAGES), *s.r.pick(CLASS_HEADS), *s.r.pick(CLASS_TAILS));
    let line = s.r.range(11, 940);
    let _ = match s.r.below(4) {
        0 => write!(
            out,
            "at {package}.{class}{tail}.lambda$handle${}({class}{tail}.java:{line})",
            s.r.below(9)
        ),
        1 => write!(
            out,
            "File \"/srv/app/{}/{}.py\", line {line}, in {}",
            s.r.pick(WORDS),
            s.r.pick(WORDS),
            s.r.pick(WORDS)
        ),
        _ => write!(out, "at {package}.{class}{tail}.invoke({class}{tail}.java:{line})"),
    };
}

fn sql(s: &mut Scene<'_>, out: &mut String) {
    let (table, other, n) = (*s.r.pick(TABLES), *s.r.pick(TABLES), s.r.below(9_000_000));
    let _ = match s.r.below(6) {
        0 => write!(out, "SELECT id, status, updated_at FROM {table} WHERE id = {n}"),
        1 => write!(
            out,
            "UPDATE {table} SET status = 'done', version = version + 1 WHERE id = {n} AND version = {}",
            s.r.below(40)
        ),
        2 => write!(
            out,
            "SELECT count(*) FROM {table} t JOIN {other} o ON o.{table}_id = t.id WHERE t.tenant = $1"
        ),
        3 => {
            write!(out, "INSERT INTO {table} (id, kind, payload) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
        }
        4 => write!(
            out,
            "DELETE FROM {table} WHERE expires_at < now() - interval '{} days' LIMIT {}",
            s.r.range(1, 90),
            s.r.below(5000)
        ),
        _ => write!(
            out,
            "select e1_0.id,e1_0.status,e1_0.kind from {table} e1_0 where e1_0.id in ({n},{},{})",
            n + 7,
            n + 31
        ),
    };
}

fn agent(s: &mut Scene<'_>, out: &mut String) {
    let n = s.r.range(90, 131);
    let _ = match s.r.below(4) {
        0 => write!(
            out,
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{n}.0.0.0 Safari/537.36"
        ),
        1 => write!(out, "okhttp/4.{}.{}", s.r.below(12), s.r.below(4)),
        2 => write!(
            out,
            "CarePortal/{}.{} (iPhone; iOS 17.{}; Scale/3.00)",
            s.r.range(2, 9),
            s.r.below(30),
            s.r.below(6)
        ),
        _ => write!(out, "kube-probe/1.{}", s.r.range(24, 31)),
    };
}

/// A day or so to come, as people write it to each other.
fn visit(s: &mut Scene<'_>, out: &mut String) {
    let t = Clock::at(s.now.0 + 86_400 * s.r.range(1, 60), 0);
    let date = (t.year, t.month, t.day);
    let day = *s.r.pick(DAYS);
    match s.r.below(6) {
        0 => DateForm::Long.write(date, out),
        1 => DateForm::UsShort.write(date, out),
        2 => DateForm::Us.write(date, out),
        3 => {
            let _ = write!(out, "{day} {} {}", t.short_month(), t.day);
        }
        4 => {
            let _ = write!(out, "{day}, {}/{}", t.month, t.day);
        }
        _ => DateForm::Abbreviated.write(date, out),
    }
}

fn clock(s: &Scene<'_>) -> Clock {
    Clock::at(s.now.0, s.now.1)
}

/// A moment, in the calendar.
struct Clock {
    year: u64,
    month: u64,
    day: u64,
    second: u64,
    ms: u64,
}

impl Clock {
    /// After Howard Hinnant's `civil_from_days`.
    fn at(seconds: u64, ms: u64) -> Clock {
        let z = seconds / 86_400 + 719_468;
        let (era, of_era) = (z / 146_097, z % 146_097);
        let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * of_year + 2) / 153;
        let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
        Clock {
            year: era * 400 + year_of_era + u64::from(month <= 2),
            month,
            day: of_year - (153 * shifted + 2) / 5 + 1,
            second: seconds % 86_400,
            ms,
        }
    }

    fn hms(&self) -> String {
        format!("{:02}:{:02}:{:02}", self.second / 3600, self.second / 60 % 60, self.second % 60)
    }

    fn iso(&self, between: char, point: &str, zone: &str, out: &mut String) {
        let (y, m, d) = (self.year, self.month, self.day);
        let _ = write!(out, "{y}-{m:02}-{d:02}{between}{}{point}{:03}{zone}", self.hms(), self.ms);
    }

    fn micros(&self, rest: u64, out: &mut String) {
        let (y, m, d) = (self.year, self.month, self.day);
        let _ = write!(out, "{y}-{m:02}-{d:02}T{}.{:03}{:03}", self.hms(), self.ms, rest);
    }

    fn short_month(&self) -> &'static str {
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
            [self.month as usize - 1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_calendar_is_right() {
        for (seconds, date) in [
            (0, (1970, 1, 1)),
            (951_782_400, (2000, 2, 29)),
            (1_773_484_327, (2026, 3, 14)),
            (1_798_761_599, (2026, 12, 31)),
        ] {
            let t = Clock::at(seconds, 0);
            assert_eq!((t.year, t.month, t.day), date);
        }
    }

    #[test]
    fn names_of_slots_are_unique() {
        let mut names: Vec<&str> = SLOTS.iter().map(|s| s.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), SLOTS.len());
    }
}
