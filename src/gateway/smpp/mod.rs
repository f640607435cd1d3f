//! A proxy between SMPP clients and their SMSC that shows each text to a [`TextJudge`] before the SMSC gets it.
//!
//! ```text
//! client --bind, query_sm, ...-------> proxy --the same-------> SMSC    octet by octet, whatever it is
//! client --submit_sm, data_sm, ...---> proxy --> judge                  on a blocking thread, in batches
//!                                      proxy --the same, or with
//!                                              another text----> SMSC   or a reply with an error to the client
//! client <--replies, deliver_sm, ...-- proxy <------------------ SMSC   octet by octet
//! ```
//!
//! Each client has a connection of its own to the SMSC, so binds go through, and credentials are the SMSC's business. The
//! proxy adds no PDU, keeps sequence numbers as they are, and acknowledges nothing: a client gets a success from the SMSC
//! or not at all. It keeps nothing on disk.
//!
//! An SMSC that connects to its clients (`outbind`) is not served: the proxy waits for clients.
//!
//! # What is judged
//!
//! `short_message` and `message_payload` of `submit_sm`, `submit_multi`, `data_sm`, `replace_sm` and `broadcast_sm` from
//! the client; the name in `callback_num_atag`; and, as ISO 8859-1, every TLV that the specifications do not know or say
//! to be text (`additional_status_info_text`, `billing_identification`, `broadcast_content_type_info`,
//! `broadcast_service_group`), but for [`Rules::trusted_tlvs`]. Numbers and addresses are not judged, changed or logged.
//! `deliver_sm` and `data_sm` from the SMSC are inbound, and pass. So do other commands, and unknown ones where
//! [`Options::pass_unknown`] is set: they have no text that is known of.
//!
//! Headers in front of texts (UDH) stay as they are, unjudged. A text that goes out in the place of another is in the same
//! alphabet, with `?` for what that lacks, and in no more segments, if the judge has one that fits; segments are filled
//! evenly then.
//!
//! Text that cannot be read is refused: data codings that are reserved, compressed text, national language tables, JIS,
//! binary data unless [`Binary::Allow`]; `short_message` and `message_payload` at once; contradictory segments. Text that
//! may be in one of two alphabets (`data_coding` 1, which some clients use for GSM 7 bit, and `replace_sm`, which has none)
//! is judged in both.
//!
//! # Segments
//!
//! A value can be divided between two segments, and what makes it one can be in another. So the segments of a message,
//! by UDH or by `sar_` TLVs, wait until all of them are there; they are judged as one text, and sent or refused as one.
//! This has a price: **a client that waits for the reply to a segment before it sends the next gets its segments refused**
//! with `ESME_RMSGQFUL` after [`Timeouts::segments`]: a reply can only come from the SMSC, which must not have the first
//! segment before the last is known. Such a client needs a window of as many PDUs as its longest message has segments, or
//! sends long messages in `message_payload`. The segments of a message must come over one connection. A segment that the
//! SMSC has turned down may come again alone: what was sent for it is sent again.
//!
//! A message that is divided by hand into several, without anything that says so, cannot be recognized as one.
//!
//! # Statuses
//!
//! | what | status | who comes back |
//! | --- | --- | --- |
//! | refused by the judge; a text that does not fit | `ESME_RSUBMITFAIL`, `ESME_RREPLACEFAIL`, `ESME_RBCASTFAIL` | nobody |
//! | unreadable | the same; with SMPP 5.0 `ESME_RINVDCS` | nobody |
//! | contradictory | `ESME_RINVTLVVAL` (`ESME_RINVOPTPARAMVAL`) | nobody |
//! | no verdict; segments missing | `ESME_RMSGQFUL` | the client |
//! | memory, held segments or unanswered messages over the limit | `ESME_RTHROTTLED` | the client, more slowly |
//! | the SMSC is not there; a stop | `ESME_RSYSERR` | the client |
//! | malformed, or too long | `generic_nack` with `ESME_RINVCMDLEN`, and the end | |

mod alphabet;
mod body;
mod decide;
mod edit;
mod gsm7;
mod held;
mod job;
mod layout;
mod link;
mod net;
mod pdu;
mod refusal;
mod session;
#[cfg(test)]
mod tests;
mod udh;
mod upstream;

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

pub use super::judge::{Observer, Outcome, TextJudge, TextVerdict};
use super::serve::{self, Serving, stopped};

/// How the proxy is set up.
#[derive(Clone)]
pub struct Options {
    /// TLS for clients, from the first octet; `None` is clear text.
    pub client_tls: Option<Arc<rustls::ServerConfig>>,
    /// The SMSC, `host:port`.
    pub smsc: String,
    /// TLS to the SMSC, from the first octet. It is never fallen back from.
    pub smsc_tls: Option<(Arc<rustls::ClientConfig>, ServerName<'static>)>,
    /// How texts are read.
    pub rules: Rules,
    /// What becomes of segments.
    pub segments: Segments,
    /// Whether commands that are not in the specifications pass, unjudged. Else they get a `generic_nack`.
    pub pass_unknown: bool,
    /// The longest PDU in octets, in either direction.
    pub max_pdu_bytes: usize,
    /// Octets that all messages held and judged may take together, 4 GiB at most. Besides, a session takes up to half a
    /// megabyte and two of the longest PDUs.
    pub memory_budget: usize,
    /// Sessions at a time; further clients are disconnected.
    pub max_sessions: usize,
    /// Segments that wait in a session.
    pub max_held: usize,
    /// Messages in a session that the SMSC has not answered.
    pub max_outstanding: usize,
    /// Batches of texts judged at a time, each on a blocking thread of the runtime.
    pub max_judgements: usize,
    /// How long each step may take.
    pub timeouts: Timeouts,
    /// Told what happens. A segment counts as a message, and so does a PDU with another text in it.
    pub observer: Arc<dyn Observer>,
}

/// How texts are read.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// The SMSC's default alphabet: what `data_coding` 0 means.
    pub default_alphabet: DefaultAlphabet,
    /// What becomes of binary data.
    pub binary: Binary,
    /// Tags of TLVs that pass unjudged, such as an operator's own for the numbers of templates.
    pub trusted_tlvs: Vec<u16>,
}

/// What `data_coding` 0 can mean. It is the SMSC's choice (SMPP 3.4, 5.2.19), and holds for message classes and message
/// waiting too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DefaultAlphabet {
    /// GSM 7 bit, a septet to an octet.
    #[default]
    Gsm7,
    /// GSM 7 bit, packed.
    Gsm7Packed,
    /// ISO 8859-1.
    Latin1,
    /// ASCII.
    Ascii,
}

/// What becomes of binary data that is not all printable ASCII; where it is, it is judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Binary {
    /// It is refused.
    #[default]
    Refuse,
    /// It passes unjudged.
    Allow,
}

/// What becomes of segments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Segments {
    /// They wait for each other.
    #[default]
    Reassemble,
    /// They are refused at once: for clients that would wait for their replies in vain.
    Refuse,
}

/// How long each step may take.
#[derive(Clone, Debug)]
pub struct Timeouts {
    /// Connecting to the SMSC, and each TLS handshake.
    pub connect: Duration,
    /// Writing to a peer that does not read.
    pub write: Duration,
    /// The client's next PDU, replies and `enquire_link` among them.
    pub client: Duration,
    /// The last segment of a message, from its first on. It should be less than clients wait for a reply.
    pub segments: Duration,
    /// A text's judgement, with the wait for its turn.
    pub judge: Duration,
    /// How long the SMSC may take to answer what it was sent, after a stop or the client's end.
    pub stop: Duration,
}

impl Default for Timeouts {
    fn default() -> Timeouts {
        let seconds = Duration::from_secs;
        Timeouts {
            connect: seconds(10),
            write: seconds(30),
            client: seconds(15 * 60),
            segments: seconds(10),
            judge: seconds(10),
            stop: seconds(30),
        }
    }
}

impl Options {
    /// Clear text to `smsc`, with every limit at its default.
    pub fn new(smsc: impl Into<String>) -> Options {
        Options {
            client_tls: None,
            smsc: smsc.into(),
            smsc_tls: None,
            rules: Rules::default(),
            segments: Segments::default(),
            pass_unknown: true,
            max_pdu_bytes: 72 << 10,
            memory_budget: 64 << 20,
            max_sessions: 200,
            max_held: 1_000,
            max_outstanding: 10_000,
            max_judgements: std::thread::available_parallelism().map_or(1, usize::from),
            timeouts: Timeouts::default(),
            observer: Arc::new(()),
        }
    }
}

/// What all sessions share.
struct Shared {
    options: Options,
    judge: Arc<dyn TextJudge>,
    /// A permit is an octet.
    memory: Arc<Semaphore>,
    judgements: Arc<Semaphore>,
}

/// Serves clients until `stop` is true or its sender is gone. Then nothing more is read from clients;
/// sessions end when the SMSC has answered what it was sent, or after [`Timeouts::stop`].
pub async fn serve_on(
    listener: TcpListener,
    options: Options,
    judge: Arc<dyn TextJudge>,
    stop: watch::Receiver<bool>,
) {
    let memory = Arc::new(Semaphore::new(options.memory_budget.min(Semaphore::MAX_PERMITS)));
    serve_within(listener, options, judge, stop, memory).await;
}

async fn serve_within(
    listener: TcpListener,
    options: Options,
    judge: Arc<dyn TextJudge>,
    stop: watch::Receiver<bool>,
    memory: Arc<Semaphore>,
) {
    let judgements = Arc::new(Semaphore::new(options.max_judgements.clamp(1, Semaphore::MAX_PERMITS)));
    let shared = Arc::new(Shared { options, judge, memory, judgements });
    let serving = Serving {
        protocol: "SMPP",
        most: shared.options.max_sessions,
        // A session waits for its SMSC itself, and closes both sides then.
        patience: shared.options.timeouts.stop + Duration::from_secs(5),
        broken_off: "its client keeps its messages",
        runtimes: Vec::new(),
    };
    let session = |client, _| session::run(Arc::clone(&shared), client, stop.clone());
    let accept = async move || Ok(listener.accept().await?.0);
    // An SMSC speaks second: there is nothing to say to those who are turned away.
    serve::clients(serving, stop.clone(), accept, session, drop).await;
}

/// Takes PDUs, shows the texts in them to `judge` as the proxy does with those of one client, and returns those that would
/// be sent on, octet by octet; or nothing where they are malformed, not to be judged, or refused. Several PDUs are taken
/// for the segments of one message, in their order, and must say so.
///
/// It is the whole of what the proxy does to octets that it does not trust, without a socket.
#[doc(hidden)]
pub fn edited(pdus: Vec<Vec<u8>>, rules: &Rules, judge: &dyn TextJudge) -> Option<Vec<Vec<u8>>> {
    let mut parts = Vec::with_capacity(pdus.len());
    for pdu in pdus {
        let header = pdu::Header::of(&pdu);
        if pdu::length(&pdu) != pdu.len() || pdu.len() < pdu::HEADER || !layout::carries_text(header.id) {
            return None;
        }
        parts.push(decide::Part::new(pdu).ok()?.ok()?);
    }
    let segments: Option<Vec<_>> = parts.iter().map(|p| p.body.as_ref()?.segment).collect();
    let together = segments.is_some_and(|s| s.windows(2).all(|two| two[0].reference == two[1].reference));
    if parts.len() > 1 && !together {
        return None;
    }
    decide::decide(parts, rules, "", judge).ok()
}
