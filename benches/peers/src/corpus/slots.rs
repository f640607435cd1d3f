//! What may stand for a `$slot` of a template. One table: its name, what kind of identifier it is if it is one, and how it is written.

use std::fmt::Write;

use super::clock::Clock;
use super::names::Lists;
use super::phrases::{agent, frame, initial, path, private_ip, sql, street, town, uuid, visit, zip};
use super::random::Random;
use super::record::Kind;
use super::values::{self, DateForm, Person};
use super::vocabulary::*;

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
    // Numbers of prescriptions, claims and visits, and units that stand apart from their street: whoever removes them is not wrong.
    case_no: Neutral = |s, out| { let n = s.r.range(5, 10) as usize; s.r.digits(n, out) };
    unit: Neutral = |s, out| w!(out, "APT {}", s.r.range(1, 64));
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

fn clock(s: &Scene<'_>) -> Clock {
    Clock::at(s.now.0, s.now.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_slots_are_unique() {
        let mut names: Vec<&str> = SLOTS.iter().map(|s| s.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), SLOTS.len());
    }
}
