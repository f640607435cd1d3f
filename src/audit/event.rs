//! What can happen: a closed list.

macro_rules! events {
    ($($variant:ident $name:literal $about:literal;)*) => {
        /// What happened. The list is closed: a log holds nothing else, and a name that is not on it was written by a
        /// later version of this program, or by something else.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Event {
            $(#[doc = concat!("`", $name, "`: ", $about, ".")] $variant,)*
        }

        impl Event {
            /// Every event.
            pub const ALL: &'static [Event] = &[$(Event::$variant,)*];

            /// The name in the log.
            pub const fn name(self) -> &'static str {
                match self { $(Event::$variant => $name,)* }
            }

            /// One line on what it is, whether it was done or refused.
            pub const fn about(self) -> &'static str {
                match self { $(Event::$variant => $about,)* }
            }
        }
    };
}

events! {
    PolicyLoad "policy_load" "loading of a policy or pipeline";
    KeyGenerate "key_generate" "making of a key";
    KeyRotate "key_rotate" "a new version of a key";
    KeyRetire "key_retire" "keeping of a version of a key for reading only";
    KeyDestroy "key_destroy" "destruction of a version of a key: what it sealed cannot be read again";
    KeyRewrap "key_rewrap" "wrapping of keys under another key-encryption key";
    VaultReveal "vault_reveal" "reveal of the value behind a token";
    VaultRevealBulk "vault_reveal_bulk" "reveal of the values behind many tokens at once";
    BreakGlass "break_glass" "reveal in an emergency, without the usual approval";
    QuarantineOpen "quarantine_open" "opening of sealed records";
    VaultInit "vault_init" "making of a vault";
    VaultDelete "vault_delete" "erasure of the values behind tokens";
    VaultBackup "vault_backup" "backup of the vault";
    VaultRestore "vault_restore" "restoring of the vault from a backup";
    VaultExpire "vault_expire" "deletion of entries of the vault at the end of their time";
    ApprovalRequest "approval_request" "request for an approval";
    ApprovalGrant "approval_grant" "approval of what another asked for";
    Login "login" "sign-in of an operator";
    AuditRotate "audit_rotate" "going on of the audit log in a new file";
    AuditRecover "audit_recover" "moving aside of a last line that a crash left unfinished";
    AuditExport "audit_export" "export of entries of the audit log";
    AuditPrune "audit_prune" "deletion of old files of the audit log";
}

impl Event {
    /// The event of this name.
    pub fn named(name: &str) -> Option<Event> {
        Event::ALL.iter().copied().find(|e| e.name() == name)
    }

    /// Whether it shows somebody what was protected: the reveals, and opening the quarantine.
    pub fn discloses(self) -> bool {
        use Event::{BreakGlass, QuarantineOpen, VaultReveal, VaultRevealBulk};
        matches!(self, VaultReveal | VaultRevealBulk | BreakGlass | QuarantineOpen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_one_to_one() {
        for event in Event::ALL {
            assert_eq!(Event::named(event.name()), Some(*event));
            assert!(event.name().bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{event:?}");
        }
        assert_eq!(Event::named("vault_peek"), None);
    }
}
