//! Threads with a runtime each, for sessions that stay on one from beginning to end: nothing of theirs is handed from one thread to another.

use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

use super::LAST;
use crate::reason::unreadable;

/// The threads, until it is dropped.
pub(super) struct Threads(Vec<Running>);

struct Running {
    runtime: Handle,
    /// The thread ends when this is gone.
    end: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Threads {
    /// # Errors
    /// In a sentence, where the system gives no more threads or files.
    pub(super) fn start(many: usize) -> Result<Threads, String> {
        let failed = |e: std::io::Error| format!("cannot start a thread: {}", unreadable(&e));
        let mut threads = Threads(Vec::with_capacity(many));
        for number in 0..many {
            let ((end, ended), (tell, told)) = (oneshot::channel(), mpsc::channel());
            // It lives and ends on its thread: here, it may be, is another runtime.
            let serve = move || match Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => {
                    let _ = tell.send(Ok(runtime.handle().clone()));
                    let _ = runtime.block_on(ended);
                    runtime.shutdown_timeout(LAST);
                }
                Err(e) => drop(tell.send(Err(e))),
            };
            let thread =
                thread::Builder::new().name(format!("sessions-{number}")).spawn(serve).map_err(failed)?;
            let runtime =
                told.recv().unwrap_or_else(|_| Err(std::io::ErrorKind::Other.into())).map_err(failed)?;
            threads.0.push(Running { runtime, end, thread });
        }
        Ok(threads)
    }

    pub(super) fn runtimes(&self) -> Vec<Handle> {
        self.0.iter().map(|running| running.runtime.clone()).collect()
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        let (ends, threads): (Vec<_>, Vec<_>) = self.0.drain(..).map(|r| (r.end, r.thread)).unzip();
        drop(ends);
        for thread in threads {
            let _ = thread.join();
        }
    }
}
