//! Values of several parts: addresses, paths, stack frames, statements.

use std::fmt::Write;

use super::clock::Clock;
use super::names::Town;
use super::slots::Scene;
use super::values::{self, DateForm};
use super::vocabulary::*;

pub fn initial(name: &str) -> char {
    name.chars().next().unwrap_or('X')
}

pub fn town<'l>(s: &Scene<'l>) -> &'l Town {
    &s.lists.towns[s.person.town]
}

pub fn street(s: &mut Scene<'_>, out: &mut String) {
    s.person.town = s.r.index(&s.lists.towns);
    values::street(&mut s.r, s.lists, out);
}

pub fn zip(s: &mut Scene<'_>, out: &mut String) {
    let _ = write!(out, "{}{:02}", town(s).zip3, s.r.below(100));
    if s.r.chance(1, 5) {
        let _ = write!(out, "-{:04}", s.r.range(1, 9999));
    }
}

pub fn uuid(s: &mut Scene<'_>, out: &mut String) {
    let (a, b) = (s.r.next(), s.r.next());
    let (head, tail) = ((b >> 48) & 0x3fff | 0x8000, b & 0xffff_ffff_ffff);
    let _ =
        write!(out, "{:08x}-{:04x}-4{:03x}-{head:04x}-{tail:012x}", a >> 32, (a >> 16) & 0xffff, a & 0xfff);
}

pub fn private_ip(s: &mut Scene<'_>, out: &mut String) {
    let (a, b, c) = (s.r.below(256), s.r.below(256), s.r.range(1, 254));
    let _ = match s.r.below(6) {
        0 => write!(out, "192.168.{b}.{c}"),
        1 => write!(out, "172.{}.{b}.{c}", 16 + a % 16),
        2 => write!(out, "127.0.0.1"),
        _ => write!(out, "10.{a}.{b}.{c}"),
    };
}

/// None of a patient: its key would be neither noise nor planted.
pub fn path(s: &mut Scene<'_>, out: &mut String) {
    let (table, word, n) = (*s.r.pick(TABLES), *s.r.pick(WORDS), s.r.below(900_000));
    let table = if table == "patients" { "slots" } else { table };
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

pub fn frame(s: &mut Scene<'_>, out: &mut String) {
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

pub fn sql(s: &mut Scene<'_>, out: &mut String) {
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

pub fn agent(s: &mut Scene<'_>, out: &mut String) {
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
pub fn visit(s: &mut Scene<'_>, out: &mut String) {
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
