//! The producer's callbacks: deliveries are counted on its own thread, and waited for on the sink's.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::ProducerContext;

use crate::kafka::{Reach, describe, forward_log, is_denied, is_unreachable};

/// What the callbacks know.
pub(super) struct Delivery {
    pub(super) reach: Reach,
    /// Reports that have come in, good or bad.
    done: AtomicU64,
    /// The count that the sink waits for.
    awaited: AtomicU64,
    /// The first thing that went wrong for good.
    failure: Mutex<Option<String>>,
    news: Condvar,
    /// No broker is connected, and none has taken a record since.
    away: AtomicBool,
}

impl Delivery {
    pub(super) fn new(brokers: &str) -> Delivery {
        Delivery {
            reach: Reach::new(brokers),
            done: AtomicU64::new(0),
            awaited: AtomicU64::new(u64::MAX),
            failure: Mutex::new(None),
            news: Condvar::new(),
            away: AtomicBool::new(false),
        }
    }

    /// Reports that have come in.
    pub(super) fn done(&self) -> u64 {
        self.done.load(Ordering::SeqCst)
    }

    /// Why records cannot be delivered, once that is certain.
    pub(super) fn failure(&self) -> Option<String> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether no broker can be reached, as far as is known.
    pub(super) fn away(&self) -> bool {
        self.away.load(Ordering::Relaxed)
    }

    /// Waits until `count` reports are in, something has failed, or the time is over.
    pub(super) fn wait(&self, count: u64, patience: Duration) {
        self.awaited.store(count, Ordering::SeqCst);
        let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        let pending = |failure: &mut Option<String>| failure.is_none() && self.done() < count;
        drop(self.news.wait_timeout_while(failure, patience, pending));
    }

    fn fail(&self, why: String) {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(why);
        self.news.notify_all();
    }
}

impl ClientContext for Delivery {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        forward_log(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        match error.rdkafka_error_code() {
            Some(code) if is_denied(code) => self.fail(format!("writing failed: {}", describe(code))),
            Some(Code::Fatal) => self.fail(format!("writing failed: {reason}")),
            Some(code) if is_unreachable(code) => {
                if code == Code::AllBrokersDown {
                    self.away.store(true, Ordering::Relaxed);
                }
                self.reach.unreachable(reason);
            }
            Some(code) => self.reach.waiting(&format!("{code}: {reason}")),
            None => {}
        }
    }
}

impl ProducerContext for Delivery {
    /// The offset that the record was read at.
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, read_at: usize) {
        if result.is_ok() {
            self.away.store(false, Ordering::Relaxed);
        }
        if let Err((error, message)) = result {
            let code = error.rdkafka_error_code().unwrap_or(Code::Unknown);
            self.fail(format!(
                "topic {}, partition {}, the record that was read at offset {read_at}: {}",
                message.topic(),
                message.partition(),
                describe(code)
            ));
        }
        let done = self.done.fetch_add(1, Ordering::SeqCst) + 1;
        if done >= self.awaited.load(Ordering::SeqCst) {
            // With the lock, so that the news does not fall between the waiter's look and its sleep.
            let _failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
            self.news.notify_all();
        }
    }
}
