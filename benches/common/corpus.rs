//! Seeded logs for the benches: JSON, text and notifications, an identifier in about one record of five.

/// SplitMix64: small, seeded, good enough to vary text.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len() as u64) as usize]
    }
}

const SERVICES: &[&str] =
    &["scheduler", "admissions", "billing", "lab-gateway", "portal-api", "imaging", "pharmacy"];
const LOGGERS: &[&str] =
    &["c.h.app.RequestFilter", "c.h.app.db.Pool", "o.a.k.c.Consumer", "c.h.app.jobs.Nightly"];
const MESSAGES: &[&str] = &[
    "request completed",
    "connection pool resized to 32, waiting for idle workers to come back",
    "cache miss for key session, falling back to the primary store",
    "retrying upstream call after timeout, attempt 2 of 5",
    "scheduled job finished without errors",
    "message consumed and acknowledged from queue orders",
    "feature flag evaluated, variant control",
    "slow query detected on table appointments, consider adding an index",
];
const GIVEN: &[&str] = &["Ana", "Tom", "Maria", "Yusuf", "Lena", "Derek", "Priya", "Olu"];
const FAMILY: &[&str] = &["Keller", "Okafor", "Brandt", "Silva", "Nguyen", "Haddad", "Larsen", "Moreau"];

fn phi(r: &mut Random) -> String {
    let (given, family) = (r.pick(GIVEN), r.pick(FAMILY));
    match r.below(6) {
        0 => format!("Patient: {given} {family}, MRN {:08}", 10_000_000 + r.below(80_000_000)),
        1 => format!(
            "eligibility check for SSN {:03}-{:02}-{:04}",
            100 + r.below(500),
            1 + r.below(98),
            1 + r.below(9998)
        ),
        2 => format!("reminder sent to {}.{}@example.org", given.to_lowercase(), family.to_lowercase()),
        3 => format!("callback requested at (415) 555-{:04}", r.below(9999)),
        4 => format!("DOB {:02}/{:02}/{} verified", 1 + r.below(12), 1 + r.below(28), 1930 + r.below(80)),
        _ => format!("card 4111 1111 1111 1111 declined for Mrs. {family}"),
    }
}

fn hex(r: &mut Random, digits: usize) -> String {
    format!("{:016x}{:016x}", r.next(), r.next())[..digits].to_string()
}

fn clock(i: u64) -> String {
    format!(
        "2026-03-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        1 + i / 86_400 % 28,
        i / 3600 % 24,
        i / 60 % 60,
        i % 60,
        i * 7 % 1000
    )
}

/// JSON logs, one record a line.
pub fn json(bytes: usize) -> Vec<u8> {
    let mut r = Random(1);
    let mut out = String::new();
    let mut i = 0;
    while out.len() < bytes {
        i += 1;
        let message = if r.below(5) == 0 { phi(&mut r) } else { r.pick(MESSAGES).to_string() };
        out.push_str(&format!(
            "{{\"timestamp\":\"{}\",\"level\":\"{}\",\"service\":\"{}\",\"logger\":\"{}\",\"thread\":\"http-nio-{}\",\"trace_id\":\"{}\",\"span_id\":\"{}\",\"status\":{},\"duration_ms\":{}.{},\"path\":\"/api/v2/{}/{}\",\"pod_ip\":\"10.{}.{}.{}\",\"msg\":\"{}\"}}\n",
            clock(i), r.pick(&["INFO", "INFO", "INFO", "WARN", "DEBUG"]), r.pick(SERVICES), r.pick(LOGGERS), r.below(64),
            hex(&mut r, 32), hex(&mut r, 16), r.pick(&["200", "200", "201", "404", "500"]), r.below(900), r.below(1000),
            r.pick(SERVICES), r.below(100_000), r.below(255), r.below(255), r.below(255), message,
        ));
    }
    out.into_bytes()
}

/// Text logs.
pub fn text(bytes: usize) -> Vec<u8> {
    let mut r = Random(2);
    let mut out = String::new();
    let mut i = 0;
    while out.len() < bytes {
        i += 1;
        let message = if r.below(5) == 0 { phi(&mut r) } else { r.pick(MESSAGES).to_string() };
        out.push_str(&format!(
            "{} {} [{}-{}] {} req={} - {}\n",
            clock(i),
            r.pick(&["INFO ", "WARN ", "DEBUG"]),
            r.pick(SERVICES),
            r.below(32),
            r.pick(LOGGERS),
            hex(&mut r, 12),
            message,
        ));
    }
    out.into_bytes()
}

/// Notifications: short, and every one with an identifier or two.
pub fn notifications(bytes: usize) -> Vec<u8> {
    let mut r = Random(3);
    let mut out = String::new();
    while out.len() < bytes {
        let (given, family) = (r.pick(GIVEN), r.pick(FAMILY));
        let line = match r.below(4) {
            0 => format!(
                "Dear {given}, your appointment with Dr. {family} is on March {}, 2026 at 10:30. Reply C to confirm.",
                1 + r.below(28)
            ),
            1 => format!(
                "Hi {given}, your lab results are ready. Sign in at https://portal.example.org/results?id={} to read them.",
                r.below(1_000_000)
            ),
            2 => format!(
                "Reminder: {given} {family}, DOB {:02}/{:02}/{}, please call 415-555-{:04} before your visit.",
                1 + r.below(12),
                1 + r.below(28),
                1930 + r.below(80),
                r.below(9999)
            ),
            _ => "Your prescription is ready for pickup. Reply STOP to opt out.".to_string(),
        };
        out.push_str(&line);
        out.push('\n');
    }
    out.into_bytes()
}
