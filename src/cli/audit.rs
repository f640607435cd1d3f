//! `scrubjay audit`: verifies, shows, exports and prunes the audit log.
//!
//! Exit codes of `verify`: 0 it is whole; 1 it was tampered with; 2 it cannot be read. The other commands give 1 too where
//! the log does not verify.

use std::convert::Infallible;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Subcommand;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use super::args::{SecretArg, secret};
use super::failure::{Failure, say};
use super::recording;
use crate::audit::{
    Actor, AuditError, AuditLog, AuditSettings, Entry, Event, ExportFormat, Follower, Outcome, PublicKey,
    Reader, Report, VerifyOptions, What, moment, shown_moment, verify,
};
use crate::config;
use crate::scrubber::{Scratch, Scrubber, Settings};

/// How often a followed log is looked at.
const LOOK: Duration = Duration::from_millis(250);

#[derive(clap::Args)]
pub(super) struct AuditArgs {
    #[command(subcommand)]
    command: AuditCommand,
}

#[derive(Subcommand)]
enum AuditCommand {
    /// Find out whether entries were changed, dropped, moved or cut off; exit code 1 if so, 2 if the log cannot be read
    Verify(VerifyArgs),
    /// Show the last entries
    Tail(TailArgs),
    /// Write entries in a form that other systems read; an entry records it
    Export(ExportArgs),
    /// Make a checkpoint now, and print it
    Checkpoint(SignArgs),
    /// Print the public key that belongs to a signing key, to be kept elsewhere
    PublicKey(PublicKeyArgs),
    /// Delete files whose every entry is older than the log must be kept
    Prune(PruneArgs),
}

/// Where the log is.
#[derive(clap::Args)]
struct DirArgs {
    /// The directory of the audit log [default: the environment variable SCRUBJAY_AUDIT_DIR]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// A pipeline, or another file with `[audit]`, that says where the log is and how it is kept; options go before it
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Who writes to it, and with which key.
#[derive(clap::Args)]
struct SignArgs {
    #[command(flatten)]
    dir: DirArgs,
    /// The Ed25519 seed that signs checkpoints, 32 bytes: env:NAME or file:PATH
    #[arg(long, value_name = "REF", value_parser = secret)]
    key: Option<SecretArg>,
    /// A directory in another trust domain that gets a copy of each checkpoint
    #[arg(long, value_name = "DIR")]
    copy_to: Option<PathBuf>,
    /// The id you are known by [default: the environment variable SCRUBJAY_OPERATOR]
    #[arg(long, value_name = "ID", value_parser = text)]
    operator: Option<String>,
}

#[derive(clap::Args)]
struct VerifyArgs {
    #[command(flatten)]
    dir: DirArgs,
    /// A public key that may have signed checkpoints, 64 hexadecimal digits; may be given several times
    #[arg(long, value_name = "HEX", value_parser = text)]
    public_key: Vec<String>,
    /// The signing key, in place of its public key: env:NAME or file:PATH
    #[arg(long, value_name = "REF", value_parser = secret)]
    key: Option<SecretArg>,
    /// Checkpoints that were kept elsewhere: a file, or a directory with checkpoints.jsonl
    #[arg(long, value_name = "PATH")]
    checkpoints: Option<PathBuf>,
}

#[derive(clap::Args)]
struct TailArgs {
    #[command(flatten)]
    dir: DirArgs,
    /// How many entries
    #[arg(short = 'n', long, value_name = "N", default_value_t = 10)]
    lines: usize,
    /// Go on with those that come, until stopped
    #[arg(short, long)]
    follow: bool,
}

#[derive(clap::Args)]
struct ExportArgs {
    #[command(flatten)]
    sign: SignArgs,
    /// jsonl: as they are; ocsf: OCSF events; syslog: RFC 5424; fhir: FHIR R4 AuditEvent, of what was disclosed
    #[arg(long, value_name = "FORMAT", value_parser = format(), default_value = "jsonl")]
    format: ExportFormat,
    /// From this moment on: 2026-01-02 or 2026-01-02T03:04:05Z
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<i64>,
    /// Before this moment
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<i64>,
    /// Send syslog messages over TLS (RFC 5425) in place of printing them: tls://HOST:PORT
    #[cfg(feature = "tls")]
    #[arg(long, value_name = "URL")]
    to: Option<crate::audit::SyslogTarget>,
    /// A PEM file with the authority of the receiver's certificate [default: what the system trusts]
    #[cfg(feature = "tls")]
    #[arg(long, value_name = "FILE", requires = "to")]
    ca: Option<PathBuf>,
    /// Why; what looks like PHI is taken out before it is recorded
    #[arg(long, value_name = "TEXT", value_parser = text)]
    purpose: Option<String>,
}

#[derive(clap::Args)]
struct PublicKeyArgs {
    /// The signing key: env:NAME or file:PATH
    #[arg(long, value_name = "REF", value_parser = secret)]
    key: SecretArg,
}

#[derive(clap::Args)]
struct PruneArgs {
    #[command(flatten)]
    sign: SignArgs,
    /// Days; six years (2192) at least, by 45 CFR 164.316(b)(2)(i) [default: `retention_days` in the file, or six years]
    #[arg(long, value_name = "DAYS")]
    older_than: Option<u32>,
    /// Why; what looks like PHI is taken out before it is recorded
    #[arg(long, value_name = "TEXT", value_parser = text)]
    purpose: Option<String>,
}

/// Why a command ended, and whether that is the log's fault.
enum Ended {
    Failure(Failure),
    Tampered(String),
}

impl<E: Into<Failure>> From<E> for Ended {
    fn from(e: E) -> Ended {
        Ended::Failure(e.into())
    }
}

impl From<AuditError> for Ended {
    fn from(e: AuditError) -> Ended {
        match e {
            AuditError::Tampered(_) => Ended::Tampered(e.to_string()),
            e => Ended::Failure(Failure::Sentence(e.to_string())),
        }
    }
}

pub(super) fn run(args: &AuditArgs) -> Result<ExitCode, Failure> {
    let done = match &args.command {
        AuditCommand::Verify(args) => verify_log(args),
        AuditCommand::Tail(args) => tail(args),
        AuditCommand::Export(args) => export(args),
        AuditCommand::Checkpoint(args) => checkpoint(args),
        AuditCommand::PublicKey(args) => public_key(args),
        AuditCommand::Prune(args) => prune(args),
    };
    match done {
        Ok(code) => Ok(code),
        Err(Ended::Failure(failure)) => Err(failure),
        Err(Ended::Tampered(what)) => {
            say(what);
            Ok(ExitCode::from(1))
        }
    }
}

impl DirArgs {
    fn settings(&self) -> Result<AuditSettings, Failure> {
        let mut named = None;
        if let Some(file) = &self.config {
            named = config::load_treatment(file)?.audit;
            if named.is_none() && self.dir.is_none() {
                return Err(Failure::Sentence(format!(
                    "{} names no audit log: it has no [audit]",
                    file.display()
                )));
            }
        }
        if let Some(dir) = &self.dir {
            named = Some(AuditSettings { dir: dir.clone(), ..named.unwrap_or_default() });
        }
        recording::named_or_usual(named).ok_or_else(|| {
            let what = "which audit log? name its directory with --dir, or in the environment variable SCRUBJAY_AUDIT_DIR";
            Failure::Sentence(what.to_owned())
        })
    }

    fn dir(&self) -> Result<PathBuf, Failure> {
        Ok(self.settings()?.dir)
    }
}

impl SignArgs {
    fn open(&self) -> Result<AuditLog, Ended> {
        let mut settings = self.dir.settings()?;
        if !settings.dir.is_dir() {
            // To append to a log that is not there would begin one, beside the one that was meant.
            let what = format!("{} holds no audit log; check the directory", settings.dir.display());
            return Err(Failure::Sentence(what).into());
        }
        if let Some(key) = &self.key {
            settings.key = Some(key.reference()?);
        }
        if let Some(dir) = &self.copy_to {
            settings.copy_to = Some(dir.clone());
        }
        Ok(AuditLog::open(settings)?)
    }

    fn actor(&self) -> Actor {
        let given = || std::env::var("SCRUBJAY_OPERATOR").ok().filter(|o| !o.is_empty());
        let actor = Actor::current();
        match self.operator.clone().or_else(given) {
            Some(operator) => actor.operator(operator),
            None => actor,
        }
    }
}

fn verify_log(args: &VerifyArgs) -> Result<ExitCode, Ended> {
    let mut public_keys =
        args.public_key.iter().map(|text| PublicKey::parse(text)).collect::<Result<Vec<_>, _>>()?;
    if let Some(key) = &args.key {
        public_keys.push(PublicKey::of(&key.reference()?).map_err(AuditError::from)?);
    }
    let options = VerifyOptions { public_keys, checkpoints: args.checkpoints.clone() };
    let report = verify(&args.dir.dir()?, &options)?;
    let mut out = io::stdout().lock();
    write_report(&mut out, &report, &options)?;
    out.flush()?;
    Ok(ExitCode::from(u8::from(!report.is_intact())))
}

fn write_report(out: &mut dyn Write, report: &Report, options: &VerifyOptions) -> io::Result<()> {
    for problem in &report.problems {
        writeln!(out, "{problem}")?;
    }
    if report.more_problems > 0 {
        writeln!(out, "and {} more", report.more_problems)?;
    }
    if report.entries > 0 {
        let (entries, files) = (report.entries, counted(report.files, "file"));
        writeln!(
            out,
            "entries      {entries} in {files}, up to {} at {}",
            report.last_seq,
            report.last_time()
        )?;
    }
    if let Some(pruned) = &report.pruned {
        let (entries, by) = (pruned.entries, pruned.checkpoint);
        writeln!(out, "pruned       entries 1 to {entries}, by checkpoint {by}")?;
    }
    match report.checkpoints {
        0 => writeln!(out, "checkpoints  none: an end that was cut off would not show")?,
        n => writeln!(out, "checkpoints  {n}, the last over {} entries", report.signed)?,
    }
    match (report.checkpoints, report.signatures_checked) {
        (0, _) => {}
        (_, true) => writeln!(out, "signatures   checked")?,
        (_, false) => writeln!(out, "signatures   not checked: name a --public-key")?,
    }
    match options.checkpoints {
        Some(_) => writeln!(out, "kept apart   {} as in the log", counted(report.trusted, "checkpoint"))?,
        None => writeln!(out, "kept apart   no checkpoints given: name them with --checkpoints")?,
    }
    writeln!(out, "{}", if report.is_intact() { "intact" } else { "NOT INTACT" })
}

/// A number of things, in words.
fn counted(n: impl TryInto<u64>, one: &str) -> String {
    match (n.try_into().unwrap_or(u64::MAX), one.strip_suffix('y')) {
        (1, _) => format!("1 {one}"),
        (n, Some(stem)) => format!("{n} {stem}ies"),
        (n, None) => format!("{n} {one}s"),
    }
}

fn tail(args: &TailArgs) -> Result<ExitCode, Ended> {
    let (last, mut follower) = Follower::open(&args.dir.dir()?, args.lines)?;
    let mut out = io::stdout().lock();
    let mut print = |lines: Vec<Vec<u8>>| {
        lines
            .iter()
            .try_for_each(|l| out.write_all(l).and_then(|()| out.write_all(b"\n")))
            .and_then(|()| out.flush())
    };
    print(last)?;
    if !args.follow {
        return Ok(ExitCode::SUCCESS);
    }
    loop {
        std::thread::sleep(LOOK);
        print(follower.poll()?)?;
    }
}

fn export(args: &ExportArgs) -> Result<ExitCode, Ended> {
    #[cfg(feature = "tls")]
    if args.to.is_some() && args.format != ExportFormat::Syslog {
        let what = "--to sends syslog messages; say --format syslog".to_owned();
        return Err(Failure::Sentence(what).into());
    }
    let purpose = scrubbed(args.purpose.as_deref())?;
    let log = args.sign.open()?;
    let entries = Reader::open(&args.sign.dir.dir()?)?;
    let what = What { object: Some(args.described()), ..What::default() };
    let entry = Entry::new(Event::AuditExport, args.sign.actor()).what(what);
    let entry = Entry { purpose, ..entry };
    // On record before anything is shown; the export itself ends before it.
    log.append(&entry)?;
    let sent = send(args, entries);
    if sent.is_err() {
        log.append(&entry.outcome(Outcome::failed("the export was broken off")))?;
    }
    log.close()?;
    sent.map(|()| ExitCode::SUCCESS)
}

impl ExportArgs {
    /// What is exported, and to where, for the record.
    fn described(&self) -> String {
        let named = ExportFormat::NAMES.iter().find(|(_, format)| *format == self.format);
        let mut text = named.map_or("", |(name, _)| name).to_owned();
        for (word, ms) in [("since", self.since), ("until", self.until)] {
            text.extend(ms.map(|ms| format!(" {word} {}", shown_moment(ms))));
        }
        #[cfg(feature = "tls")]
        text.extend(self.to.as_ref().map(|to| format!(" to {to}")));
        text
    }

    /// Hands out the entries that were asked for, in their form, and says how many they were.
    fn each(&self, entries: Reader, send: &mut dyn FnMut(&str) -> Result<(), Failure>) -> Result<u64, Ended> {
        let mut count = 0;
        for record in entries {
            let record = record?;
            let after = self.since.is_none_or(|since| record.time_ms >= since);
            let before = self.until.is_none_or(|until| record.time_ms < until);
            if let Some(text) = (after && before).then(|| self.format.render(&record)).flatten() {
                send(&text)?;
                count += 1;
            }
        }
        Ok(count)
    }
}

/// Sends the entries to where they go.
fn send(args: &ExportArgs, entries: Reader) -> Result<(), Ended> {
    #[cfg(feature = "tls")]
    if let Some(target) = &args.to {
        let failed = |e: crate::audit::TlsError| Failure::Sentence(e.to_string());
        let mut sink = crate::audit::TlsSink::connect(target, args.ca.as_deref()).map_err(failed)?;
        let count = args.each(entries, &mut |text| sink.send(text).map_err(failed))?;
        sink.finish().map_err(failed)?;
        say(format!("{count} entries sent; syslog has no acknowledgement: count them where they arrive"));
        return Ok(());
    }
    let mut out = BufWriter::new(io::stdout().lock());
    args.each(entries, &mut |text| Ok(writeln!(out, "{text}")?))?;
    Ok(out.flush()?)
}

fn checkpoint(args: &SignArgs) -> Result<ExitCode, Ended> {
    let log = args.open()?;
    let made = log.checkpoint()?;
    log.close()?;
    let Some(made) = made else {
        return Err(Failure::Sentence("the audit log is empty: there is nothing to sign".to_owned()).into());
    };
    let mut out = io::stdout().lock();
    writeln!(out, "{}", made.line)?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn public_key(args: &PublicKeyArgs) -> Result<ExitCode, Ended> {
    let key = PublicKey::of(&args.key.reference()?).map_err(AuditError::from)?;
    let mut out = io::stdout().lock();
    writeln!(out, "{}", key.hex())?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn prune(args: &PruneArgs) -> Result<ExitCode, Ended> {
    let purpose = scrubbed(args.purpose.as_deref())?;
    let log = args.sign.open()?;
    let older_than = match args.older_than {
        Some(days) => days,
        None => args.sign.dir.settings()?.retention_days,
    };
    let done = log.prune(older_than, args.sign.actor(), purpose)?;
    log.close()?;
    say(match done.files {
        0 => "nothing is that old: files go as a whole, and the newest stays".to_owned(),
        files => format!("{} with {} deleted", counted(files, "file"), counted(done.entries, "entry")),
    });
    Ok(ExitCode::SUCCESS)
}

/// A purpose without what looks like PHI, with the strictest of the built-in profiles.
pub(super) fn scrubbed(purpose: Option<&str>) -> Result<Option<String>, Failure> {
    let Some(purpose) = purpose else { return Ok(None) };
    let mut settings = Settings::new();
    settings.policy.profile = crate::policy::Profile::SafeHarbor;
    let clean = Scrubber::new(settings).scrub_text(purpose.as_bytes(), &mut Scratch::default());
    let clean = clean.ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    clean.map(Some).ok_or_else(|| {
        Failure::Sentence(
            "the purpose cannot be scrubbed, and is not recorded as it is; write it otherwise".to_owned(),
        )
    })
}

/// Text as it is. Without a parser of its own, clap would take an empty one for none.
fn text(text: &str) -> Result<String, Infallible> {
    Ok(text.to_owned())
}

fn time(text: &str) -> Result<i64, &'static str> {
    moment(text).ok_or("it must be a date, 2026-01-02, or a time in UTC, 2026-01-02T03:04:05Z")
}

fn format() -> impl TypedValueParser<Value = ExportFormat> {
    let names = ExportFormat::NAMES.iter().map(|(name, _)| *name);
    PossibleValuesParser::new(names).map(|name| {
        let named = ExportFormat::NAMES.iter().find(|(n, _)| *n == name);
        named.map_or(ExportFormat::Jsonl, |(_, format)| *format)
    })
}
