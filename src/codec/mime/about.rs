//! What an entity's header says of its body.

use super::parameters::Value;
use super::structure::Transfer;

/// Parameters of which each reader takes another one if there are two.
pub(super) const READ_ONCE: &[&str] = &["boundary", "charset", "format", "delsp"];

/// How a body is taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Parts between delimiters.
    Multipart,
    /// A mail.
    Message,
    /// The fields of a header, or of several, as text.
    Headers,
    /// A part of a mail, a mail that is elsewhere, or what nobody knows: to some readers a mail (RFC 2046 section 5.2).
    UnknownMessage,
    /// Not further.
    Leaf,
}

/// How a body is encoded in its transfer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    None,
    Taken(Transfer),
    Unknown,
}

/// What an entity's header says of its body.
#[derive(Clone)]
pub(super) struct About {
    /// `text/plain`, in lower case.
    pub(super) main: String,
    pub(super) encoding: Encoding,
    pub(super) attached: bool,
    pub(super) boundary: Option<Vec<u8>>,
    pub(super) charset: Option<Vec<u8>>,
    pub(super) flowed: bool,
    pub(super) delsp: bool,
    /// Its file name is that of a mail, which its reader's mail program opens.
    pub(super) is_named_as_mail: bool,
}

impl About {
    pub(super) fn new(main: &str, encoding: Encoding, attached: bool) -> About {
        let main = main.to_owned();
        let (flowed, delsp, is_named_as_mail) = (false, false, false);
        About { main, encoding, attached, boundary: None, charset: None, flowed, delsp, is_named_as_mail }
    }

    /// What the parameters of `Content-Type` say.
    pub(super) fn read(&mut self, value: &Value) {
        self.main.clone_from(&value.main);
        self.boundary = value.get("boundary").filter(|b| !b.is_empty()).map(<[u8]>::to_vec);
        self.charset = value.get("charset").map(<[u8]>::to_vec);
        let is =
            |name: &str, text: &str| value.get(name).is_some_and(|v| v.eq_ignore_ascii_case(text.as_bytes()));
        (self.flowed, self.delsp) = (is("format", "flowed"), is("delsp", "yes"));
    }

    /// What follows from the name of a file.
    pub(super) fn read_name(&mut self, value: &Value) {
        const OF_MAILS: &[&[u8]] = &[b".eml", b".mht", b".mhtml", b".nws"];
        for name in ["name", "filename"].into_iter().filter_map(|name| value.get(name)) {
            let end = |extension: &[u8]| name.len().checked_sub(extension.len()).map(|at| &name[at..]);
            self.is_named_as_mail |=
                OF_MAILS.iter().any(|e| end(e).is_some_and(|end| end.eq_ignore_ascii_case(e)));
        }
    }

    /// How the body is taken apart.
    pub(super) fn form(&self) -> Form {
        match &*self.main {
            main if main.starts_with("multipart/") => Form::Multipart,
            "message/rfc822" | "message/global" | "message/news" => Form::Message,
            "message/delivery-status"
            | "message/disposition-notification"
            | "message/feedback-report"
            | "message/global-delivery-status"
            | "message/global-disposition-notification"
            | "message/global-headers"
            | "text/rfc822-headers" => Form::Headers,
            main if main.starts_with("message/") => Form::UnknownMessage,
            _ if self.is_named_as_mail => Form::Message,
            _ => Form::Leaf,
        }
    }
}

/// What a `Content-Transfer-Encoding` says (RFC 2045 section 6.1). With a comment, which few senders write, some readers find
/// the word and some do not.
pub(super) fn encoding(value: &[u8]) -> Encoding {
    let is = |other: &str| value.trim_ascii().eq_ignore_ascii_case(other.as_bytes());
    if is("base64") {
        Encoding::Taken(Transfer::Base64)
    } else if is("quoted-printable") {
        Encoding::Taken(Transfer::QuotedPrintable)
    } else if is("x-uuencode") || is("x-uue") || is("uuencode") {
        Encoding::Taken(Transfer::Uuencode)
    } else if is("") || is("7bit") || is("8bit") || is("binary") {
        Encoding::None
    } else {
        Encoding::Unknown
    }
}
