//! `scrubjay demo`: the Kafka-to-Kafka job on an embedded broker.

use std::path::Path;
use std::process::ExitCode;

use super::args::ThreadsArgs;
use super::failure::Failure;
use super::run;
use crate::config::ClientProperty;
use crate::config::{ConfigError, Pipeline, PropertyValue, SinkConfig, SourceConfig};
use crate::demo::{self, Look, Plan, Stage};

/// Columns where nothing tells how many there are.
const WIDTH: usize = 110;

#[derive(clap::Args)]
pub(super) struct DemoArgs {
    /// How many records are invented
    #[arg(long, value_name = "N", default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1..=500_000))]
    records: u32,
    /// Decides which; the same number gives the same records
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    threads: ThreadsArgs,
}

/// Runs the demo. Gives 1 when an identifier came out, or a record did not.
pub(super) fn run(args: &DemoArgs) -> Result<ExitCode, Failure> {
    let plan = Plan { records: args.records as usize, seed: args.seed };
    let mut out = anstream::stdout().lock();
    let stage = Stage::set(plan).map_err(Failure::Sentence)?;
    let pipeline = pipeline(&stage.address())?;
    demo::begin(&stage, &mut out)?;
    let threads = args.threads.count();
    let outcome = stage
        .play(|stop| run::one(&pipeline, threads, stop))
        .map_err(|e| Failure::Sentence(format!("the demo cannot be finished: {e}")))?;
    let width = terminal_size::terminal_size().map_or(WIDTH, |(width, _)| usize::from(width.0));
    demo::end(&outcome, Look { width }, &mut out)?;
    Ok(if outcome.passed() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// The pipeline file, with the embedded broker in the place of its own.
fn pipeline(address: &str) -> Result<Pipeline, Failure> {
    let parsed = Pipeline::parse(Path::new("pipelines/demo.toml"), demo::PIPELINE);
    let mut pipeline = parsed.map_err(ConfigError::Invalid)?;
    if let (SourceConfig::Kafka(source), SinkConfig::Kafka(sink)) = (&mut pipeline.source, &mut pipeline.sink)
    {
        for (brokers, properties) in
            [(&mut source.brokers, &mut source.properties), (&mut sink.brokers, &mut sink.properties)]
        {
            *brokers = address.to_owned();
            // The mock does not answer questions about settings: this is how long they are waited for.
            let value = PropertyValue::Plain("1600".to_owned());
            properties.push(ClientProperty { name: "socket.timeout.ms".to_owned(), value });
        }
    }
    Ok(pipeline)
}
