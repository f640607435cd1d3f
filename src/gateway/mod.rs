//! Hooks in front of outbound notifications: adapters onto the [`Scrubber`](crate::scrubber::Scrubber), nothing else.

mod mail;
#[cfg(feature = "gateway")]
pub mod smtp;

pub use mail::{
    AttachmentAction, Decision, DkimAction, EncryptedAction, MailPolicy, SignedAction, SubjectAction,
};
