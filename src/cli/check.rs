//! `scrubjay check`: is this pipeline valid, and does it cover what it has to.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::coverage;
use super::failure::{Failure, report_config, say};
use crate::config::{self, ConfigError, Pipeline, SourceConfig};
use crate::policy::{Policy, Profile};
use crate::scrubber::Settings;

#[derive(clap::Args)]
pub(super) struct CheckArgs {
    /// Pipeline files
    #[arg(value_name = "PIPELINE", required_unless_present = "profile")]
    pipelines: Vec<PathBuf>,
    /// Check what this profile covers: of the pipelines instead of their own, or without any of records as they come
    #[arg(long, value_name = "NAME", value_parser = super::args::profile())]
    profile: Option<Profile>,
    /// Also read the secrets, connect to the brokers and look at the topics
    #[arg(long)]
    online: bool,
}

pub(super) fn run(args: &CheckArgs) -> Result<ExitCode, Failure> {
    let mut out = BufWriter::new(io::stdout().lock());
    let (mut invalid, mut gap) = (false, false);
    if let (Some(profile), []) = (args.profile, args.pipelines.as_slice()) {
        gap = !check_profile(profile, &mut out)?;
        out.flush()?;
    }
    let mut all = Vec::new();
    for path in &args.pipelines {
        match check(path, args, &mut out) {
            Ok((pipeline, covered)) => {
                gap |= !covered;
                all.push(pipeline);
            }
            Err(Failure::Config(e)) => {
                report_config(&e);
                invalid = true;
            }
            Err(Failure::Sentence(text)) => {
                say(format!("{}: {text}", path.display()));
                invalid = true;
            }
            Err(e @ Failure::Output(_)) => return Err(e),
        }
        out.flush()?;
    }
    config::chained(&all).iter().for_each(|text| say(format!("warning: {text}")));
    Ok(match (invalid, gap) {
        (true, _) => ExitCode::from(2),
        (false, true) => ExitCode::from(1),
        (false, false) => ExitCode::SUCCESS,
    })
}

/// The pipeline, and whether it covers what its profile promises.
fn check(path: &Path, args: &CheckArgs, out: &mut dyn Write) -> Result<(Pipeline, bool), Failure> {
    let online = args.online;
    let mut pipeline = config::load(path)?;
    if let Some(profile) = args.profile {
        pipeline.treatment.policy.profile = profile;
    }
    if let Some(why) = pipeline.contradiction() {
        return Err(Failure::Sentence(why));
    }
    if !pipeline.warnings.is_empty() {
        report_config(&ConfigError::Invalid(pipeline.warnings.clone()));
    }
    let problems = pipeline.secret_problems();
    if online && !problems.is_empty() {
        return Err(Failure::Sentence(problems.join("; ")));
    }
    for problem in &problems {
        say(format!("{}: warning: {problem}", path.display()));
    }
    let engine = config::engine(&pipeline.treatment.packs)?;
    let kafka = matches!(pipeline.source, SourceConfig::Kafka(_));
    let settings = match problems.is_empty() {
        true => pipeline.settings(engine)?,
        // Coverage does not depend on the secrets, but for a key action, which is then counted as absent.
        false => pipeline.treatment.settings_without_secrets(engine),
    };
    let profile = settings.policy.profile;
    let coverage = coverage::measure(&settings, kafka);
    let (name, version, policy) = (profile.name(), profile.version(), settings.policy.fingerprint());
    writeln!(out, "{}: valid; profile {name}, version {version}, policy {policy}", path.display())?;
    coverage.print(out)?;
    let ready = edges_ready(&pipeline, online);
    if online {
        ready.map_err(Failure::Sentence)?;
        connect(&pipeline)?;
        writeln!(out, "  online: ok")?;
    } else if let Err(problem) = ready {
        say(format!("{}: warning: {problem}", path.display()));
    }
    let gaps = coverage.gaps(profile);
    if let Some(gaps) = &gaps {
        say(format!("{}: {gaps}", path.display()));
    }
    Ok((pipeline, gaps.is_none()))
}

/// Whether a profile covers what it promises, with the built-in packs and without any rule.
fn check_profile(profile: Profile, out: &mut dyn Write) -> Result<bool, Failure> {
    let policy = Policy { profile, ..Policy::default() };
    let coverage = coverage::measure(&Settings { policy, ..Settings::new() }, true);
    writeln!(out, "profile {}, version {}", profile.name(), profile.version())?;
    coverage.print(out)?;
    let gaps = coverage.gaps(profile);
    if let Some(gaps) = &gaps {
        say(gaps);
    }
    Ok(gaps.is_none())
}

/// Whether a gateway can read what it needs to begin; with `online` also whether somebody listens where it sends to.
#[cfg(feature = "gateway")]
fn edges_ready(pipeline: &Pipeline, online: bool) -> Result<(), String> {
    super::gateway::check(pipeline, online)
}

#[cfg(not(feature = "gateway"))]
fn edges_ready(_: &Pipeline, _: bool) -> Result<(), String> {
    Ok(())
}

#[cfg(feature = "kafka")]
fn connect(pipeline: &Pipeline) -> Result<(), Failure> {
    use std::time::Duration;

    /// How long the brokers may take to answer.
    const PATIENCE: Duration = Duration::from_secs(10);

    let Some((source, sink)) = pipeline.kafka_options()? else { return Ok(()) };
    let checked = crate::kafka::check(&source, &sink, pipeline.keys_stay_apart(), PATIENCE);
    checked.map_err(|e| Failure::Sentence(e.to_string()))
}

#[cfg(not(feature = "kafka"))]
fn connect(_: &Pipeline) -> Result<(), Failure> {
    Ok(())
}
