//! Hooks in front of outbound notifications: adapters onto the [`Scrubber`](crate::scrubber::Scrubber), nothing else.

#[cfg(feature = "gateway")]
mod budget;
#[cfg(feature = "gateway")]
pub mod http;
#[cfg(feature = "gateway")]
pub mod judge;
#[cfg(test)]
#[cfg(feature = "gateway")]
mod kit;
mod mail;
#[cfg(feature = "gateway")]
pub mod milter;
pub mod providers;
#[cfg(feature = "gateway")]
mod serve;
#[cfg(feature = "gateway")]
pub mod smpp;
#[cfg(feature = "gateway")]
pub mod smtp;
mod text;

pub use mail::{
    AttachmentAction, Decision, DkimAction, EncryptedAction, MailPolicy, SignedAction, SubjectAction,
};
pub use text::{TextAction, TextDecision, TextFate, TextPolicy};

/// What a pipeline does with notifications.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GatewayPolicy {
    /// Mail.
    pub mail: MailPolicy,
    /// Short texts.
    pub text: TextPolicy,
    /// The header field that names the template a message was made from, for counts.
    pub template_header: Option<String>,
}
