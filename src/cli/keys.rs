//! `scrubjay keys`: makes and tends key rings.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::failure::{Failure, say};
use super::recording::{RecordArgs, Recorder};
use super::summary::counted;
use crate::audit::{Event, What};
use crate::keys::{Entry, Kek, KekRef, KeyState, RingFile, RingFileError};
use crate::time::{day_text, now_ms};

/// Make and tend key rings.
#[derive(clap::Args)]
pub(super) struct KeysArgs {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    record: RecordArgs,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Make a key ring with one version, wrapped by a key-encryption key
    Init {
        /// The file to make; one that is there is never overwritten
        ring: PathBuf,
        /// Where the key-encryption key is
        #[arg(long, value_name = "KEK")]
        kek: String,
        /// Make the key-encryption key, too, where it is not there yet
        #[arg(long)]
        create_kek: bool,
    },
    /// List the versions of a key ring; opens no key
    List {
        /// The key ring
        ring: PathBuf,
    },
    /// Open a key ring with its key-encryption key, and check that nobody altered it
    Verify {
        /// The key ring
        ring: PathBuf,
    },
    /// Make a new version, which is not used before `rotate`
    Generate {
        /// The key ring
        ring: PathBuf,
    },
    /// Make a new version the one that is used; what the old ones made can still be read
    Rotate {
        /// The key ring
        ring: PathBuf,
    },
    /// Retire a version that was never used
    Retire {
        /// The key ring
        ring: PathBuf,
        /// Its number
        version: u32,
    },
    /// Destroy a retired version: what it sealed can never be read again
    Destroy {
        /// The key ring
        ring: PathBuf,
        /// Its number
        version: u32,
        /// Yes, it is meant
        #[arg(long)]
        yes: bool,
    },
    /// Wrap all keys anew, with the same key-encryption key or another
    Rewrap {
        /// The key ring
        ring: PathBuf,
        /// The new key-encryption key [default: the one it has]
        #[arg(long, value_name = "KEK")]
        kek: Option<String>,
        /// Make the key-encryption key, too, where it is not there yet
        #[arg(long, requires = "kek")]
        create_kek: bool,
    },
}

impl From<RingFileError> for Failure {
    fn from(e: RingFileError) -> Failure {
        Failure::Sentence(e.to_string())
    }
}

pub(super) fn run(args: &KeysArgs) -> Result<ExitCode, Failure> {
    let now = now_ms();
    match &args.command {
        Command::List { ring } => list(&RingFile::read(ring)?)?,
        Command::Verify { ring } => {
            let file = RingFile::read(ring)?;
            let opened = file.open()?;
            let versions = counted(opened.readable().count() as u64, "version");
            say(format!("{}: {versions} can be read, version {} is active", ring.display(), opened.active()));
        }
        change => {
            let recorder = args.record.open(None)?;
            say(changed(change, &recorder, now)?);
            recorder.close()?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Does what changes a ring, and puts it on record; what to tell of it.
fn changed(command: &Command, recorder: &Recorder, now: i64) -> Result<String, Failure> {
    let event = match command {
        Command::Rotate { .. } => Event::KeyRotate,
        Command::Retire { .. } => Event::KeyRetire,
        Command::Destroy { .. } => Event::KeyDestroy,
        Command::Rewrap { .. } => Event::KeyRewrap,
        _ => Event::KeyGenerate,
    };
    let (Command::Init { ring, .. }
    | Command::List { ring }
    | Command::Verify { ring }
    | Command::Generate { ring }
    | Command::Rotate { ring }
    | Command::Retire { ring, .. }
    | Command::Destroy { ring, .. }
    | Command::Rewrap { ring, .. }) = command;
    let what = |done: Option<&(String, Vec<u32>)>| What {
        // An id has a letter in it.
        key: RingFile::read(ring).ok().map(|file| format!("ring-{}", file.id())),
        key_versions: done.map_or(Vec::new(), |(_, versions)| versions.clone()),
        object: ring.file_name().map(|name| name.to_string_lossy().into_owned()),
        ..What::default()
    };
    let work = || match command {
        Command::Init { kek, create_kek, .. } => {
            let (kek, opened) = key_encryption_key(kek, *create_kek)?;
            let file = RingFile::create(ring, kek, &*opened, now)?;
            let text = format!("made the key ring {}, {}; version 1 is active", file.id(), ring.display());
            Ok((text, vec![1]))
        }
        Command::Rotate { .. } => {
            let number = RingFile::read(ring)?.rotate(now)?;
            let text = format!(
                "version {number} is active; reload or restart what runs with this ring, so that it uses it"
            );
            Ok((text, vec![number]))
        }
        Command::Retire { version, .. } => {
            RingFile::read(ring)?.retire(*version, now)?;
            Ok((format!("version {version} is retired"), vec![*version]))
        }
        Command::Destroy { version, .. } => {
            RingFile::read(ring)?.destroy(*version, now)?;
            let text = format!(
                "version {version} is destroyed here; copies of {} made before still hold it",
                ring.display()
            );
            Ok((text, vec![*version]))
        }
        Command::Rewrap { kek, create_kek, .. } => {
            let mut file = RingFile::read(ring)?;
            let (kek, opened) = match kek {
                Some(kek) => key_encryption_key(kek, *create_kek)?,
                None => {
                    (file.kek().clone(), file.kek().open().map_err(|e| Failure::Sentence(e.to_string()))?)
                }
            };
            file.rewrap(kek, &*opened)?;
            let versions = file.versions().iter().map(|v| v.number).collect();
            Ok((format!("{}: all keys are wrapped by {}", ring.display(), file.kek()), versions))
        }
        Command::Generate { .. } | Command::List { .. } | Command::Verify { .. } => {
            let number = RingFile::read(ring)?.generate(now)?;
            let text =
                format!("version {number} is pending; `scrubjay keys rotate` makes it the one that is used");
            Ok((text, vec![number]))
        }
    };
    let done = match command {
        Command::Destroy { version, yes, .. } => {
            meant(ring, *version, *yes)?;
            let what = What { key_versions: vec![*version], ..what(None) };
            recorder.before(event, what, work)
        }
        _ => recorder.around(event, what, work),
    };
    done.map(|(text, _)| text)
}

/// A destroyed key cannot be brought back: nobody destroys one by a slip.
fn meant(ring: &Path, version: u32, yes: bool) -> Result<(), Failure> {
    if !yes {
        return Err(Failure::Sentence(format!(
            "nothing that version {version} of {} sealed could be read again, in text, in the vault and in backups; tokens that it made \
             would no longer be known for such; add --yes if that is meant, and see to copies of the file",
            ring.display()
        )));
    }
    Ok(())
}

/// The key-encryption key that is named, open.
fn key_encryption_key(text: &str, create: bool) -> Result<(KekRef, Box<dyn Kek>), Failure> {
    // A ring is opened from anywhere: what it names must not depend on where it was made.
    let text = KekRef::with_whole_paths(text);
    let failed = |e: crate::keys::KekError| Failure::Sentence(e.to_string());
    let kek: KekRef = text.parse().map_err(failed)?;
    let opened = if create { kek.create() } else { kek.open() }.map_err(failed)?;
    Ok((kek, opened))
}

fn list(file: &RingFile) -> Result<(), Failure> {
    let mut out = BufWriter::new(io::stdout().lock());
    writeln!(out, "key ring {}, wrapped by {}", file.id(), file.kek())?;
    writeln!(out, "{:>7}  {:<9}  {:<10}  since", "version", "state", "made")?;
    for Entry { number, state, created_ms, changed_ms, .. } in file.versions() {
        let since = if *state == KeyState::Pending { String::new() } else { day_text(*changed_ms) };
        writeln!(out, "{number:>7}  {:<9}  {:<10}  {since}", state.name(), day_text(*created_ms))?;
    }
    out.flush()?;
    Ok(())
}
