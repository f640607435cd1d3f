//! Loading PKCS#11 libraries, finding tokens, logging in; and what their errors mean.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;

use crate::keys::kek::KekError;
use crate::keys::kek::pkcs11_ref::TokenKeyRef;
use crate::keys::reference::SecretRef;

/// The libraries that are loaded: PKCS#11 initialises one once a process, and it stays.
static LOADED: Mutex<Vec<(PathBuf, Pkcs11)>> = Mutex::new(Vec::new());

/// A token that is there.
pub(super) struct Token {
    pub(super) context: Pkcs11,
    pub(super) slot: Slot,
    /// For messages: `the token LABEL (serial NUMBER)`.
    pub(super) name: String,
}

impl Token {
    /// The one token that the reference means.
    pub(super) fn find(reference: &TokenKeyRef) -> Result<Token, KekError> {
        let context = load(&reference.module)?;
        let library = format!("the PKCS#11 library {}", reference.module.display());
        let slots = context
            .get_slots_with_initialized_token()
            .map_err(|e| failed(&library, "list its tokens", &e))?;
        let mut labels = Vec::new();
        let mut fitting = Vec::new();
        for slot in slots {
            // One that is pulled out meanwhile is none.
            let Ok(info) = context.get_token_info(slot) else { continue };
            let fits = |wanted: &Option<String>, is: &str| wanted.as_deref().is_none_or(|w| w == is);
            if fits(&reference.token, info.label())
                && fits(&reference.serial, info.serial_number())
                && fits(&reference.manufacturer, info.manufacturer_id())
                && fits(&reference.model, info.model())
            {
                fitting.push((slot, format!("the token {} (serial {})", info.label(), info.serial_number())));
            }
            labels.push(info.label().to_string());
        }
        let seen = if labels.is_empty() { "none".to_string() } else { labels.join(", ") };
        match fitting.len() {
            1 => {}
            0 => {
                return Err(KekError::Unavailable(format!(
                    "{library} sees no such token; check that it is plugged in or reachable, and token= and serial=; it sees: {seen}"
                )));
            }
            _ => {
                return Err(KekError::Reference(format!(
                    "{library} sees more than one such token; give serial= too; it sees: {seen}"
                )));
            }
        }
        let (slot, name) = fitting.remove(0);
        Ok(Token { context, slot, name })
    }

    /// Opens a session and logs in as the user. A PIN is tried once, and not at all when a wrong one would lock the token.
    pub(super) fn log_in(&self, pin: &SecretRef) -> Result<Session, KekError> {
        let info =
            self.context.get_token_info(self.slot).map_err(|e| failed(&self.name, "say how it is", &e))?;
        may_try(&self.name, info.user_pin_locked(), info.user_pin_final_try())?;
        let secret = pin.read()?;
        let Ok(text) = std::str::from_utf8(secret.expose()) else {
            return Err(KekError::Secret(format!("the secret {pin} is no PIN: it is not text")));
        };
        let session =
            self.context.open_rw_session(self.slot).map_err(|e| failed(&self.name, "open a session", &e))?;
        match session.login(UserType::User, Some(&AuthPin::from(text))) {
            // The login is one for all sessions of this process.
            Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(session),
            Err(Error::Pkcs11(RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange, _)) => {
                Err(KekError::Denied(format!(
                    "{} refuses the PIN in {pin}; it was tried once; correct it before another start: some wrong tries lock the token",
                    self.name
                )))
            }
            Err(e) => Err(failed(&self.name, "log in", &e)),
        }
    }
}

fn load(path: &PathBuf) -> Result<Pkcs11, KekError> {
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, context)) = loaded.iter().find(|(p, _)| p == path) {
        return Ok(context.clone());
    }
    let name = format!("the PKCS#11 library {}", path.display());
    if !path.is_file() {
        return Err(KekError::Unavailable(format!(
            "{name} is not there; check module-path=, and that the token's software is installed"
        )));
    }
    let context = Pkcs11::new(path).map_err(|e| failed(&name, "be loaded", &e))?;
    match context.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
        Err(e) => return Err(failed(&name, "begin", &e)),
    }
    loaded.push((path.clone(), context.clone()));
    Ok(context)
}

/// Whether the PIN may be tried, by what the token says of it.
fn may_try(name: &str, locked: bool, last: bool) -> Result<(), KekError> {
    if locked {
        return Err(pin_locked(name));
    }
    if last {
        return Err(KekError::Denied(format!(
            "{name} allows one more try of its PIN, which is not taken: a wrong one would lock it; log in once by hand, such as with \
             `pkcs11-tool --login --list-objects`"
        )));
    }
    Ok(())
}

fn pin_locked(name: &str) -> KekError {
    KekError::Denied(format!(
        "{name} has locked its PIN after too many wrong ones; its security officer sets a new one, such as with \
         `pkcs11-tool --login --login-type so --init-pin`"
    ))
}

/// The token could not do what it was asked to do.
pub(super) fn failed(name: &str, doing: &str, error: &Error) -> KekError {
    use RvError as E;
    let code = match error {
        Error::Pkcs11(code, _) => code,
        Error::LibraryLoading(_) | Error::MissingSymbol(_) | Error::NullFunctionPointer => {
            return KekError::Unavailable(format!(
                "{name} cannot be used: it is no PKCS#11 library for this machine, or one that it needs is missing"
            ));
        }
        _ => {
            return KekError::Unsuitable(format!(
                "{name} gives something that PKCS#11 has no name for, asked to {doing}"
            ));
        }
    };
    match code {
        E::PinLocked => pin_locked(name),
        E::PinExpired => KekError::Denied(format!(
            "{name} wants a new PIN: the old one has expired; set it by the token's own tool"
        )),
        E::UserPinNotInitialized => KekError::Denied(format!(
            "{name} has no user PIN yet; its security officer sets one, such as with `pkcs11-tool --login --login-type so --init-pin`"
        )),
        E::TokenWriteProtected | E::SessionReadOnly | E::ActionProhibited | E::UserNotLoggedIn => {
            KekError::Denied(format!(
                "{name} does not allow this user to {doing} ({code:?}); check its policy"
            ))
        }
        E::DeviceRemoved
        | E::TokenNotPresent
        | E::SlotIdInvalid
        | E::SessionHandleInvalid
        | E::SessionClosed
        | E::CryptokiNotInitialized => KekError::Unavailable(format!(
            "{name} is gone: it was removed, or its connection was lost ({code:?}); bring it back and start again"
        )),
        E::ObjectHandleInvalid | E::KeyHandleInvalid => KekError::Absent(format!(
            "{name} is no longer there: it was deleted from the token; restore it from the token's backup"
        )),
        E::KeyFunctionNotPermitted
        | E::MechanismInvalid
        | E::MechanismParamInvalid
        | E::TemplateInconsistent
        | E::AttributeValueInvalid => KekError::Unsuitable(format!(
            "{name} cannot {doing} ({code:?}); let `keys init --create-kek` make a key that can"
        )),
        _ => KekError::Unavailable(format!(
            "{name} failed to {doing} ({code:?}); see the log of the token or of its library"
        )),
    }
}

/// Whether an error of decryption says that the ciphertext is bad, rather than the token or the key.
pub(super) fn is_about_data(error: &Error) -> bool {
    use RvError as E;
    matches!(
        error,
        Error::Pkcs11(
            E::EncryptedDataInvalid
                | E::EncryptedDataLenRange
                | E::WrappedKeyInvalid
                | E::WrappedKeyLenRange
                | E::SignatureInvalid
                | E::DataInvalid
                | E::DataLenRange,
            _
        )
    )
}

/// Whether an error of decryption leaves that open.
pub(super) fn may_be_about_data(error: &Error) -> bool {
    matches!(error, Error::Pkcs11(RvError::GeneralError | RvError::FunctionFailed | RvError::ArgumentsBad, _))
}

#[cfg(test)]
mod tests {
    use cryptoki::context::Function;

    use super::*;

    #[test]
    fn the_last_try_of_a_pin_is_left_to_people() {
        assert!(may_try("the token t", false, false).is_ok());
        for (locked, last, says) in
            [(true, false, "has locked its PIN"), (true, true, "locked"), (false, true, "by hand")]
        {
            let error = may_try("the token t", locked, last).unwrap_err();
            assert!(matches!(&error, KekError::Denied(text) if text.contains(says)), "{error}");
        }
    }

    #[test]
    fn each_error_of_a_token_says_what_to_do() {
        type Is = fn(&KekError) -> bool;
        let denied: Is = |e| matches!(e, KekError::Denied(_));
        let unavailable: Is = |e| matches!(e, KekError::Unavailable(_));
        let absent: Is = |e| matches!(e, KekError::Absent(_));
        let unsuitable: Is = |e| matches!(e, KekError::Unsuitable(_));
        for (code, is, says) in [
            (RvError::PinLocked, denied, "--init-pin"),
            (RvError::PinExpired, denied, "expired"),
            (RvError::UserPinNotInitialized, denied, "no user PIN"),
            (RvError::DeviceRemoved, unavailable, "is gone"),
            (RvError::TokenNotPresent, unavailable, "bring it back"),
            (RvError::SessionHandleInvalid, unavailable, "is gone"),
            (RvError::KeyHandleInvalid, absent, "backup"),
            (RvError::KeyFunctionNotPermitted, unsuitable, "cannot decrypt"),
            (RvError::TokenWriteProtected, denied, "policy"),
            (RvError::DeviceError, unavailable, "DeviceError"),
        ] {
            let error = failed("the token t", "decrypt", &Error::Pkcs11(code, Function::Decrypt));
            assert!(is(&error) && error.to_string().contains(says), "{error:?}");
            assert!(error.to_string().starts_with("the token t "), "{error}");
        }
    }
}
