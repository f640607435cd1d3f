//! `scrubjay eval`: how much is found, and how much of what is found is right, on labelled texts.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::Value;

use super::args::CommonArgs;
use super::failure::{Failure, say};
use super::scan::printable;
use crate::eval::{Bound, Document, Example, Gate, GoldError, Measure, Predictor, Rules, Score, read, write};
use crate::policy::Profile;
use crate::reason::{unreadable, unwritable};
use crate::scrubber::Scrubber;

/// Faults of a gold file that are told; there may be one in every line.
const MAX_FAULTS: usize = 10;

#[derive(clap::Args)]
#[command(mut_arg("profile", |arg| arg.help(
    "What may stay: `logs` is log hygiene, `safe-harbor` follows 45 CFR 164.514(b)(2) [default: that of --policy, \
     else safe-harbor]"
)))]
pub(super) struct EvalArgs {
    /// Labelled texts, one object a line: {"id":"...","text":"...","spans":[[START,END,"LABEL"],...]} with offsets in
    /// Unicode code points; `-` is standard input
    #[arg(value_name = "GOLD", required = true)]
    gold: Vec<PathBuf>,
    #[command(flatten)]
    common: CommonArgs,
    /// Cut each text into records first, as the filter would; else each text is one record
    #[arg(long)]
    by_line: bool,
    /// Write what was found, in the shape of GOLD (the texts, too); `-` is standard output, and the numbers then go to
    /// standard error
    #[arg(long, value_name = "OUT")]
    predictions: Option<PathBuf>,
    /// Show the first N misses and the first N wrong findings. This prints text of GOLD
    #[arg(long, value_name = "N", default_value_t = 0)]
    errors: usize,
    /// Print the numbers as one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    labels: LabelArgs,
    #[command(flatten)]
    gates: GateArgs,
}

#[derive(clap::Args)]
#[command(next_help_heading = "Labels")]
struct LabelArgs {
    /// Labels that are neither required nor punished
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = Rules::NEUTRAL)]
    neutral: Vec<String>,
    /// Labels that begin so are neutral, too
    #[arg(long, value_name = "PREFIX", default_value = Rules::NEUTRAL_PREFIX)]
    neutral_prefix: String,
    /// Precision of findings with these labels only, for GOLD that does not label the others
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    judge: Vec<String>,
    /// No precision, for GOLD that labels only part of what is there
    #[arg(long)]
    recall_only: bool,
    /// Pass over findings of a single letter, ABC, XYZ or XXX, which stand for names in texts stripped of them
    #[arg(long)]
    ignore_placeholders: bool,
}

#[derive(clap::Args)]
#[command(next_help_heading = "Gates: exit code 1 when one is missed; for all labels together, or for one")]
struct GateArgs {
    /// At least this share of labels is hit, from 0 to 1
    #[arg(long, value_name = "[LABEL=]X")]
    min_recall: Vec<Bound>,
    /// At least this share of labels is fully covered
    #[arg(long, value_name = "[LABEL=]X")]
    min_full: Vec<Bound>,
    /// At least this share of labels is found as what it is
    #[arg(long, value_name = "[LABEL=]X")]
    min_typed: Vec<Bound>,
    /// At least this share of findings touches a label
    #[arg(long, value_name = "[LABEL=]X", conflicts_with = "recall_only")]
    min_precision: Vec<Bound>,
    /// At least this share of documents with labels is fully covered
    #[arg(long, value_name = "X", value_parser = unlabelled)]
    min_docs: Option<Bound>,
    /// At most this share of documents without labels has findings
    #[arg(long, value_name = "X", value_parser = unlabelled)]
    max_flagged: Option<Bound>,
    /// At most so many findings in 1,000 words
    #[arg(long, value_name = "[LABEL=]X", conflicts_with = "recall_only")]
    max_per_1000_words: Vec<Bound>,
}

/// A bound on something that has no labels.
fn unlabelled(text: &str) -> Result<Bound, &'static str> {
    let bound: Bound = text.parse()?;
    if bound.label.is_some() { Err("it must be a number without a label, such as 0.75") } else { Ok(bound) }
}

pub(super) fn run(args: &EvalArgs) -> Result<ExitCode, Failure> {
    let Some(documents) = gold(&args.gold)? else { return Ok(ExitCode::from(2)) };
    let scrubber = Scrubber::new(args.common.settings_to_report(Profile::SafeHarbor)?);
    let mut predictor = Predictor::new(&scrubber, args.by_line);
    let mut score = Score::new(args.labels.rules(args.errors));
    let mut predictions = match &args.predictions {
        Some(path) => Some(Predictions::create(path, &args.gold)?),
        None => None,
    };
    for document in &documents {
        let found = predictor.predict(document).map_err(|e| {
            let (id, reason) = (printable(&document.id), e.0);
            Failure::Sentence(format!("document {id} cannot be scanned: {reason}; leave it out"))
        })?;
        score.add(document, &found);
        if let Some(predictions) = &mut predictions {
            predictions.write(document, &found)?;
        }
    }
    let aside = matches!(&predictions, Some(Predictions::Output(_)));
    if let Some(predictions) = predictions {
        predictions.finish()?;
    }
    let mut out: Box<dyn Write> = match aside {
        true => Box::new(io::stderr().lock()),
        false => Box::new(BufWriter::new(io::stdout().lock())),
    };
    report(args, &score, &mut out)?;
    out.flush()?;
    let missed: Vec<String> = args.gates.all().iter().filter_map(|gate| gate.missed(&score)).collect();
    missed.iter().for_each(|sentence| say(format!("missed: {sentence}")));
    Ok(if missed.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

impl LabelArgs {
    fn rules(&self, examples: usize) -> Rules {
        // An empty list is one empty word.
        let set = |list: &[String]| list.iter().filter(|l| !l.is_empty()).cloned().collect();
        Rules {
            neutral: set(&self.neutral),
            neutral_prefix: self.neutral_prefix.clone(),
            judge: set(&self.judge),
            ignore_placeholders: self.ignore_placeholders,
            examples,
        }
    }
}

impl GateArgs {
    fn all(&self) -> Vec<Gate> {
        let lists = [
            (Measure::Hit, &self.min_recall[..]),
            (Measure::Full, &self.min_full),
            (Measure::Typed, &self.min_typed),
            (Measure::Precision, &self.min_precision),
            (Measure::Docs, self.min_docs.as_slice()),
            (Measure::Flagged, self.max_flagged.as_slice()),
            (Measure::PerThousandWords, &self.max_per_1000_words),
        ];
        let gates = |(measure, bounds): (Measure, &[Bound])| {
            bounds.iter().map(|bound| Gate { measure, bound: bound.clone() }).collect::<Vec<_>>()
        };
        lists.into_iter().flat_map(gates).collect()
    }
}

/// Every document of every file; none if something is wrong with one, which has been told.
fn gold(paths: &[PathBuf]) -> Result<Option<Vec<Document>>, Failure> {
    let (mut documents, mut sound) = (Vec::new(), true);
    for path in paths {
        let name = if is_dash(path) { "standard input".to_owned() } else { path.display().to_string() };
        match read(&name, &bytes_of(path, &name)?) {
            Ok(found) => documents.extend(found),
            Err(errors) => {
                tell(&errors);
                sound = false;
            }
        }
    }
    if sound && documents.is_empty() {
        return Err(Failure::Sentence(
            "there is no document to measure on; give a file with some".to_owned(),
        ));
    }
    Ok(sound.then_some(documents))
}

fn tell(errors: &[GoldError]) {
    errors.iter().take(MAX_FAULTS).for_each(say);
    if let (Some(error), more @ 1..) = (errors.first(), errors.len().saturating_sub(MAX_FAULTS)) {
        say(format!("{}: {more} more faults like these", error.file));
    }
}

fn is_dash(path: &Path) -> bool {
    path.as_os_str() == "-"
}

fn bytes_of(path: &Path, name: &str) -> Result<Vec<u8>, Failure> {
    if path.is_dir() {
        return Err(Failure::Sentence(format!(
            "{name} is a directory; name the files in it, as in {name}/*"
        )));
    }
    let mut bytes = Vec::new();
    let read = match is_dash(path) {
        true => io::stdin().lock().read_to_end(&mut bytes),
        false => File::open(path).and_then(|mut file| file.read_to_end(&mut bytes)),
    };
    read.map_err(|e| Failure::Sentence(format!("cannot read {name}: {}", unreadable(&e))))?;
    Ok(bytes)
}

/// Where predictions go.
enum Predictions {
    Output(BufWriter<io::Stdout>),
    File(PathBuf, BufWriter<File>),
}

impl Predictions {
    /// Only its owner may read a new file: it holds the texts.
    fn create(path: &Path, gold: &[PathBuf]) -> Result<Predictions, Failure> {
        if is_dash(path) {
            return Ok(Predictions::Output(BufWriter::new(io::stdout())));
        }
        let same = |other: &PathBuf| match (path.canonicalize(), other.canonicalize()) {
            (Ok(a), Ok(b)) => a == b,
            _ => false,
        };
        if gold.iter().any(same) {
            let shown = path.display();
            let text = format!("{shown} is what is read, and its labels would be lost; choose another file");
            return Err(Failure::Sentence(text));
        }
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path).map_err(|e| cannot_write(path, &e))?;
        Ok(Predictions::File(path.to_owned(), BufWriter::new(file)))
    }

    fn write(&mut self, document: &Document, found: &[crate::eval::Labelled]) -> Result<(), Failure> {
        match self {
            Predictions::Output(out) => write(document, found, out).map_err(Failure::Output),
            Predictions::File(path, out) => write(document, found, out).map_err(|e| cannot_write(path, &e)),
        }
    }

    fn finish(self) -> Result<(), Failure> {
        match self {
            Predictions::Output(mut out) => out.flush().map_err(Failure::Output),
            Predictions::File(path, mut out) => out.flush().map_err(|e| cannot_write(&path, &e)),
        }
    }
}

fn cannot_write(path: &Path, e: &io::Error) -> Failure {
    let reason = unwritable(e, "write somewhere else");
    Failure::Sentence(format!("cannot write {}: {reason}", path.display()))
}

fn report(args: &EvalArgs, score: &Score, out: &mut dyn Write) -> Result<(), Failure> {
    if args.json {
        let mut value = score.to_json();
        if let (Value::Object(all), 1..) = (&mut value, args.errors) {
            let list = |examples: &[Example]| examples.iter().map(Example::to_json).collect();
            all.insert("missed".to_owned(), list(&score.missed));
            all.insert("wrong".to_owned(), list(&score.wrong));
        }
        writeln!(out, "{value}")?;
        return Ok(());
    }
    score.write_table(!args.labels.recall_only, out)?;
    for (what, examples) in [("missed", &score.missed), ("wrong", &score.wrong)] {
        if what == "wrong" && args.labels.recall_only {
            continue;
        }
        for example in examples {
            let (id, label) = (printable(&example.id), printable(&example.label));
            writeln!(out, "{what}\t{id}\t{label}\t{}", Value::from(example.text.as_str()))?;
        }
    }
    Ok(())
}
