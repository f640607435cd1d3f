//! Whether the pipelines of this process run: what `/healthz` and `/readyz` answer.
//!
//! `run` makes one [`Health`], takes a [`Light`] from it for each pipeline, and sets it as the pipeline goes:
//!
//! ```
//! use scrubjay::health::Health;
//! let health = Health::default();
//! let light = health.pipeline("logs.toml");
//! assert_eq!(health.ready(), Err("pipeline logs.toml is starting".to_string()));
//! light.ready(); // it has its partitions, or its input
//! assert_eq!(health.ready(), Ok(()));
//! light.failed(); // its line returned an error, or its thread panicked
//! assert_eq!(health.alive(), Err("pipeline logs.toml has failed; the log says why".to_string()));
//! ```

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::metrics;

const STARTING: u8 = 0;
const READY: u8 = 1;
const STOPPED: u8 = 2;
const FAILED: u8 = 3;

/// The state of all pipelines of the process. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Health {
    lights: Arc<Mutex<Vec<Light>>>,
}

/// The state of one pipeline. Clones share it; any thread may set it.
#[derive(Clone, Debug)]
pub struct Light {
    pipeline: Arc<str>,
    state: Arc<AtomicU8>,
}

impl Health {
    /// Adds a pipeline, which is starting. `name` is shown to operators and becomes a metric label: a file's name.
    pub fn pipeline(&self, name: &str) -> Light {
        let light = Light { pipeline: name.into(), state: Arc::new(AtomicU8::new(STARTING)) };
        metrics::pipeline_up(name, false);
        self.lights.lock().unwrap_or_else(PoisonError::into_inner).push(light.clone());
        light
    }

    /// Whether every pipeline still runs; else a sentence that says which does not.
    pub fn alive(&self) -> Result<(), String> {
        self.first(|state| state >= STOPPED)
    }

    /// Whether every pipeline runs and has its input; else a sentence that says which has not.
    pub fn ready(&self) -> Result<(), String> {
        self.first(|state| state != READY)
    }

    #[cfg(feature = "console")]
    /// Sets the metric of every pipeline, for a recorder that was installed after they had begun.
    pub(crate) fn publish(&self) {
        for light in self.lights.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            metrics::pipeline_up(&light.pipeline, light.state.load(Ordering::Relaxed) == READY);
        }
    }

    fn first(&self, wrong: impl Fn(u8) -> bool) -> Result<(), String> {
        for light in self.lights.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let state = light.state.load(Ordering::Relaxed);
            if wrong(state) {
                let says = match state {
                    STARTING => "is starting",
                    READY => "is ready",
                    STOPPED => "has stopped",
                    _ => "has failed; the log says why",
                };
                return Err(format!("pipeline {} {says}", light.pipeline));
            }
        }
        Ok(())
    }
}

impl Light {
    /// It runs and has its input. After it has stopped or failed this changes nothing.
    pub fn ready(&self) {
        let set = self.state.compare_exchange(STARTING, READY, Ordering::Relaxed, Ordering::Relaxed);
        if set.is_ok() {
            metrics::pipeline_up(&self.pipeline, true);
        }
    }

    /// It runs but has lost its input for a while, such as an assignment of partitions that was revoked and has not
    /// come back. After it has stopped or failed this changes nothing.
    pub fn waiting(&self) {
        let set = self.state.compare_exchange(READY, STARTING, Ordering::Relaxed, Ordering::Relaxed);
        if set.is_ok() {
            metrics::pipeline_up(&self.pipeline, false);
        }
    }

    /// It came to its end, or was told to stop.
    pub fn stopped(&self) {
        self.end(STOPPED);
    }

    /// It ended with an error.
    pub fn failed(&self) {
        self.end(FAILED);
    }

    fn end(&self, state: u8) {
        // Of two ends the worse one stays.
        self.state.fetch_max(state, Ordering::Relaxed);
        metrics::pipeline_up(&self.pipeline, false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_must_be_well() {
        let health = Health::default();
        assert_eq!((health.alive(), health.ready()), (Ok(()), Ok(())));
        let (a, b) = (health.pipeline("a"), health.pipeline("b"));
        a.ready();
        assert_eq!(health.alive(), Ok(()));
        assert_eq!(health.ready().unwrap_err(), "pipeline b is starting");
        b.clone().ready();
        assert_eq!(health.clone().ready(), Ok(()));
        b.waiting();
        assert!(health.ready().is_err() && health.alive().is_ok());
        b.stopped();
        b.ready();
        assert_eq!(health.alive().unwrap_err(), "pipeline b has stopped");
        a.failed();
        a.stopped();
        assert_eq!(health.ready().unwrap_err(), "pipeline a has failed; the log says why");
    }
}
