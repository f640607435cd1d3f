//! `scrubjay roster`: makes rosters, and shows what they say; and, for `scrubjay run`, reads one again when it changes.

use std::fs::Metadata;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};

use arc_swap::ArcSwap;
use clap::Subcommand;

use super::args::{SecretArg, secret};
use super::failure::{Failure, say};
use super::inputs::identity;
use crate::config::{Pipeline, RosterConfig, plain_reason};
use crate::detect::roster::{Builder, Column, Roster, read_csv};
use crate::keys::SecretRef;
use crate::metrics::{self, Stage};
use crate::reason::unreadable;
use crate::scrubber::Scrubber;

/// How often the file of a roster is looked at.
const LOOK: Duration = Duration::from_secs(1);

#[derive(clap::Args)]
pub(super) struct RosterArgs {
    #[command(subcommand)]
    command: RosterCommand,
}

#[derive(Subcommand)]
enum RosterCommand {
    /// Turn a CSV file of patients into keyed hashes
    Build(BuildArgs),
    /// Show what the header of a roster says; no key is needed
    Info(InfoArgs),
}

#[derive(clap::Args)]
struct BuildArgs {
    /// A CSV file with a header line: names, date of birth, record number, telephone, e-mail, address
    #[arg(value_name = "PATIENTS.CSV")]
    patients: PathBuf,
    /// Where the roster is written; a roster that is there is replaced in one step
    #[arg(long, short, value_name = "PATH")]
    output: PathBuf,
    /// Where the key stands, 32 bytes: env:NAME or file:PATH
    #[arg(long, value_name = "REF", value_parser = secret)]
    key: SecretArg,
    /// What columns hold, beside those that are known by their usual names; WHAT is first, middle, last, full,
    /// maiden, preferred, dob, mrn, phone, email or address
    #[arg(long, value_name = "HEADER=WHAT", value_delimiter = ',')]
    columns: Vec<String>,
    /// Pass over values that cannot be used, such as a date of birth that is no date, and count them
    #[arg(long)]
    lenient: bool,
}

#[derive(clap::Args)]
struct InfoArgs {
    /// The roster
    #[arg(value_name = "ROSTER")]
    roster: PathBuf,
}

pub(super) fn run(args: &RosterArgs) -> Result<ExitCode, Failure> {
    match &args.command {
        RosterCommand::Build(args) => build(args)?,
        RosterCommand::Info(args) => info(args)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn build(args: &BuildArgs) -> Result<(), Failure> {
    let sentence = |text: String| Failure::Sentence(text);
    let columns = columns(&args.columns)?;
    let key = args.key.reference()?.read_key().map_err(|e| sentence(e.to_string()))?;
    let shown = args.patients.display();
    let text = read(&args.patients)?;
    let mut salt = [0; 32];
    aws_lc_rs::rand::fill(&mut salt)
        .map_err(|_| sentence("the system gives no random numbers".to_owned()))?;
    let failed = |e: crate::detect::roster::RosterError| sentence(format!("cannot build the roster: {e}"));
    let mut builder = Builder::new(key.expose(), salt).map_err(failed)?;
    let unused = read_csv(&text, &columns, args.lenient, &mut builder).map_err(|e| {
        let all: Vec<_> =
            e.0.iter().map(|p| format!("{shown}:{}:{}: {}", p.line, p.column, p.reason)).collect();
        sentence(all.join("\n"))
    })?;
    let built = builder.finish().map_err(failed)?;
    if built.patients == 0 {
        return Err(sentence(format!("{shown} holds no patient, only a header line")));
    }
    replace(&args.output, &built.file)
        .map_err(|e| sentence(format!("cannot write {}: {}", args.output.display(), plain_reason(&e))))?;
    say(format!(
        "{}: {} patients, {} keyed hashes, {} names that are found alone, {unused} values passed over",
        args.output.display(),
        built.patients,
        built.hashes,
        built.telling
    ));
    Ok(())
}

fn info(args: &InfoArgs) -> Result<(), Failure> {
    let shown = args.roster.display();
    let (header, bytes) = head(&args.roster)?;
    let info = Roster::info_of(&header, bytes)
        .map_err(|e| Failure::Sentence(format!("cannot use the roster {shown}: {e}")))?;
    let mut out = io::stdout().lock();
    writeln!(out, "format    {}", info.version)?;
    writeln!(out, "patients  {}", info.patients)?;
    writeln!(out, "bytes     {}", info.bytes)?;
    out.flush()?;
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let shown = path.display();
    if path.is_dir() {
        return Err(Failure::Sentence(format!("{shown} is a directory; name a file in it")));
    }
    std::fs::read(path).map_err(|e| Failure::Sentence(format!("cannot read {shown}: {}", unreadable(&e))))
}

/// The header of a file, and how many bytes it has.
fn head(path: &Path) -> Result<(Vec<u8>, u64), Failure> {
    let failed =
        |e: io::Error| Failure::Sentence(format!("cannot read {}: {}", path.display(), unreadable(&e)));
    let about = path.metadata().map_err(failed)?;
    if !about.is_file() {
        let text = format!("{} is no regular file; name the file itself", path.display());
        return Err(Failure::Sentence(text));
    }
    let (mut header, file) = (Vec::new(), std::fs::File::open(path).map_err(failed)?);
    file.take(Roster::HEADER_BYTES).read_to_end(&mut header).map_err(failed)?;
    Ok((header, about.len()))
}

/// `HEADER=WHAT`. What is refused is told by its number: a header may be a value, where a file has none.
fn columns(given: &[String]) -> Result<Vec<(String, Column)>, Failure> {
    let one = |(i, entry): (usize, &String)| {
        let (header, what) = entry.rsplit_once('=')?;
        let column = Column::NAMES.iter().find(|(name, _)| *name == what.trim())?.1;
        Some((i, (header.to_owned(), column)))
    };
    let found: Vec<_> = given.iter().enumerate().map(one).collect();
    match found.iter().position(Option::is_none) {
        None => Ok(found.into_iter().flatten().map(|(_, c)| c).collect()),
        Some(i) => {
            let names: Vec<_> = Column::NAMES.iter().map(|(name, _)| *name).collect();
            let text = format!(
                "entry {} of --columns is not HEADER=WHAT; WHAT is one of {}",
                i + 1,
                names.join(", ")
            );
            Err(Failure::Sentence(text))
        }
    }
}

/// Whoever reads the file meanwhile has the old one or the new one.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let beside = path.with_file_name(name);
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(&beside).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    let done = written.and_then(|()| std::fs::rename(&beside, path));
    if done.is_err() {
        let _ = std::fs::remove_file(&beside);
    }
    done
}

/// Reads a roster again when its file changes.
pub(super) struct RosterWatch {
    stamp: Option<(Stamp, Option<Stamp>)>,
    next: Instant,
}

/// What tells one state of a file from another: its content, and who may read it.
type Stamp = (Option<SystemTime>, u64, Option<(u64, u64)>, Option<(i64, i64)>);

/// The states of the roster and of its key.
fn stamp(config: Option<&RosterConfig>) -> Option<(Stamp, Option<Stamp>)> {
    let of = |m: Metadata| (m.modified().ok(), m.len(), identity(&m), changed(&m));
    let config = config?;
    let key = match &config.key {
        SecretRef::File(path) => path.metadata().ok().map(of),
        SecretRef::Env(_) => None,
    };
    Some((config.path.metadata().ok().map(of)?, key))
}

#[cfg(unix)]
fn changed(about: &Metadata) -> Option<(i64, i64)> {
    use std::os::unix::fs::MetadataExt;
    Some((about.ctime(), about.ctime_nsec()))
}

#[cfg(not(unix))]
fn changed(_: &Metadata) -> Option<(i64, i64)> {
    None
}

impl RosterWatch {
    /// Begins with the file as it is.
    pub(super) fn new(config: Option<&RosterConfig>) -> RosterWatch {
        RosterWatch { stamp: stamp(config), next: Instant::now() + LOOK }
    }

    /// Reads the roster if its file has changed. A bad one changes nothing; a file that has gone is waited for.
    pub(super) fn look(&mut self, pipeline: &Pipeline, scrubber: &ArcSwap<Scrubber>) {
        let Some(config) = &pipeline.treatment.roster else { return };
        if Instant::now() < self.next {
            return;
        }
        self.next = Instant::now() + LOOK;
        let now = stamp(Some(config));
        if now.is_none() || now == self.stamp {
            return;
        }
        self.stamp = now;
        let shown = pipeline.file.display();
        match config.open() {
            Ok(roster) => {
                let patients = roster.info().patients;
                Scrubber::amend(scrubber, |settings| settings.roster = Some(roster.clone()));
                metrics::reloaded(true);
                tracing::info!(patients, "{shown}: roster reloaded");
            }
            Err(e) => {
                metrics::reloaded(false);
                metrics::error(Stage::Config);
                tracing::error!("{shown}: the roster that was loaded before stays: {e}");
            }
        }
    }
}
