//! `scrubjay vault reveal` and what belongs to it.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::args::{SecretArg, secret};
use super::audit;
use super::failure::{Failure, say};
use super::recording::{LogArgs, UNRECORDED, told};
use super::vault::PlaceArgs;
use crate::audit::{Actor, AuditLog, AuditSettings, Entry, Event, Outcome, PublicKey};
use crate::config::{ConfigError, read_text};
use crate::reason::unreadable;
use crate::reveal::{Approval, Authenticated, Ground, Operators, Request, RevealError, Revealer};
use crate::scrubber::Tenant;
use crate::time::now_ms;
use crate::vault::TokenStore;

/// Who it is, and where it is put on record.
#[derive(clap::Args)]
struct OperatorArgs {
    /// The file of operators and their roles
    #[arg(long, value_name = "FILE")]
    operators: PathBuf,
    /// Who you are
    #[arg(long, value_name = "ID")]
    operator: String,
    /// Your key, an Ed25519 seed of 32 bytes: env:NAME or file:PATH
    #[arg(long, value_name = "REF", value_parser = secret)]
    operator_key: SecretArg,
}

#[derive(clap::Args)]
pub(super) struct RevealArgs {
    /// The tokens, as they stand in text; KIND:fVERSION:VALUE names what `format_preserving` wrote, such as SSN:f1:210-19-2572
    #[arg(value_name = "TOKEN", required_unless_present = "approval")]
    tokens: Vec<String>,
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    who: OperatorArgs,
    #[command(flatten)]
    log: LogArgs,
    /// Why; what looks like PHI is taken out before it is recorded
    #[arg(long, value_name = "TEXT", required_unless_present = "approval")]
    purpose: Option<String>,
    /// Whose sealed values they are; a vault knows it by itself [default: `[keys] tenant` of the file that --config names, or default]
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,
    /// What a second person approved: the file that `approve` printed. Tokens and purpose are those in it
    #[arg(long, value_name = "FILE", conflicts_with_all = ["tokens", "purpose", "break_glass"])]
    approval: Option<PathBuf>,
    /// The glass is broken: see `scrubjay vault break-glass`
    #[arg(long)]
    break_glass: bool,
}

#[derive(clap::Args)]
pub(super) struct RequestArgs {
    /// The tokens, as they stand in text
    #[arg(value_name = "TOKEN", required = true)]
    tokens: Vec<String>,
    /// Who you are
    #[arg(long, value_name = "ID")]
    operator: String,
    /// Why; what looks like PHI is taken out
    #[arg(long, value_name = "TEXT")]
    purpose: String,
    #[command(flatten)]
    log: LogArgs,
}

#[derive(clap::Args)]
pub(super) struct ApproveArgs {
    /// The file that `request` printed
    request: PathBuf,
    #[command(flatten)]
    who: OperatorArgs,
    #[command(flatten)]
    log: LogArgs,
}

#[derive(clap::Args)]
pub(super) struct BreakGlassArgs {
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    who: OperatorArgs,
    #[command(flatten)]
    log: LogArgs,
    /// Why; what looks like PHI is taken out before it is recorded
    #[arg(long, value_name = "TEXT")]
    purpose: String,
}

#[derive(clap::Args)]
pub(super) struct OperatorKeyArgs {
    /// The key, an Ed25519 seed of 32 bytes: env:NAME or file:PATH
    #[arg(value_name = "REF", value_parser = secret)]
    key: SecretArg,
}

impl From<RevealError> for Failure {
    fn from(e: RevealError) -> Failure {
        Failure::Sentence(e.to_string())
    }
}

impl OperatorArgs {
    /// The operators. Whoever may write their file may reveal: on Unix only its owner may.
    fn load(&self) -> Result<Operators, Failure> {
        let text = read_text(&self.operators)?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let about = self.operators.metadata().map_err(|e| {
                Failure::Sentence(format!("cannot read {}: {}", self.operators.display(), unreadable(&e)))
            })?;
            let mode = about.permissions().mode() & 0o777;
            if mode & 0o022 != 0 {
                return Err(Failure::Sentence(format!(
                    "{} can be written by others than its owner (mode {mode:04o}); do `chmod go-w {}`",
                    self.operators.display(),
                    self.operators.display()
                )));
            }
        }
        Ok(Operators::parse(&self.operators, &text).map_err(ConfigError::Invalid)?)
    }

    /// Who it is. Somebody who is not let in is put on record.
    fn authenticate<'o>(
        &self,
        operators: &'o Operators,
        log: &AuditLog,
    ) -> Result<Authenticated<'o>, Failure> {
        operators.authenticate(&self.operator, &self.operator_key.reference()?).or_else(|e| {
            let entry = Entry::new(Event::Login, Actor::current().operator(&self.operator));
            log.append(&entry.outcome(Outcome::refused("no operator with this key"))).map_err(told)?;
            Err(e.into())
        })
    }
}

/// The audit log, without which nothing is revealed, asked for or approved.
fn opened(log: &LogArgs, named: Option<AuditSettings>) -> Result<(PathBuf, AuditLog), Failure> {
    log.open(named)?.ok_or_else(|| {
        let what =
            "a reveal is always put on record: name the audit log with --audit, or in SCRUBJAY_AUDIT_DIR";
        Failure::Sentence(what.to_owned())
    })
}

/// Opens everything, the vault where it is `wanted`, and hands it to `work`.
fn with<T>(
    (place, wanted): (&PlaceArgs, bool),
    who: &OperatorArgs,
    log: &LogArgs,
    event: Event,
    work: impl FnOnce(&Revealer<'_>, Authenticated<'_>) -> Result<T, RevealError>,
) -> Result<T, Failure> {
    let operators = who.load()?;
    let (log_dir, log) = opened(log, place.audit()?)?;
    let own = who.authenticate(&operators, &log)?;
    let (keyed, vault) = place.open(wanted).or_else(|failure| {
        let entry = Entry::new(event, Actor::current().operator(&who.operator));
        log.append(&entry.outcome(Outcome::failed("keys or vault did not open"))).map_err(told)?;
        Err(failure)
    })?;
    let command = operators.limits.alert.clone();
    let alert = |text: &str| send(&command, text);
    let revealer = Revealer {
        keyed: &keyed,
        vault: vault.as_ref().map(|vault| vault.store() as &dyn TokenStore),
        operators: &operators,
        log: &log,
        log_dir: &log_dir,
        alert: &alert,
        now_ms: now_ms(),
    };
    let done = work(&revealer, own);
    log.close().map_err(told)?;
    Ok(done?)
}

/// How long the command that tells somebody may take: until then nothing is revealed.
const ALERT_TIMEOUT: Duration = Duration::from_secs(30);

/// Gives a text to the command that tells somebody.
fn send(command: &[String], text: &str) -> Result<(), String> {
    let [program, arguments @ ..] = command else {
        return Err("the file of operators names no command in limits.alert".to_owned());
    };
    let failed = |e: io::Error| format!("{program}: {}", unreadable(&e));
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .map_err(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        // Short enough for the pipe, however late it is read.
        match writeln!(stdin, "{text}") {
            // It may tell somebody without reading why; whether it did its exit status says.
            Err(e) if e.kind() == io::ErrorKind::BrokenPipe => {}
            written => written.map_err(failed)?,
        }
    }
    let deadline = Instant::now() + ALERT_TIMEOUT;
    let status = loop {
        if let Some(status) = child.try_wait().map_err(failed)? {
            break status;
        }
        if Instant::now() >= deadline {
            let (_, _) = (child.kill(), child.wait());
            return Err(format!("{program} has not ended within {} s", ALERT_TIMEOUT.as_secs()));
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    if status.success() { Ok(()) } else { Err(format!("{program} ended with {status}")) }
}

/// What is signed cannot be scrubbed any more, and goes on record as it is.
fn without_phi(request: &Request) -> Result<(), Failure> {
    let scrubbed = audit::scrubbed(Some(&request.purpose))?;
    if scrubbed.as_deref() == Some(&request.purpose) {
        return Ok(());
    }
    let what = "the purpose in the request holds what looks like PHI; ask anew, `scrubjay vault request` takes it out";
    Err(Failure::Sentence(what.to_owned()))
}

pub(super) fn reveal(args: &RevealArgs) -> Result<(), Failure> {
    let approval = args.approval.as_deref().map(|file| read(file, Approval::from_json)).transpose()?;
    let purpose = audit::scrubbed(args.purpose.as_deref())?.unwrap_or_default();
    if let Some(approval) = &approval {
        without_phi(&approval.request)?;
    }
    let (tokens, purpose) = match &approval {
        Some(approval) => (&approval.request.tokens, &approval.request.purpose),
        None => (&args.tokens, &purpose),
    };
    let ground = match &approval {
        Some(approval) => Ground::Approved(approval),
        None if args.break_glass => Ground::BrokenGlass,
        None => Ground::Role,
    };
    let tenant = match &args.tenant {
        Some(tenant) => tenant.clone(),
        None => args.place.tenant()?.unwrap_or_else(|| Tenant::DEFAULT.to_owned()),
    };
    // Sealed and encrypted values need no vault.
    let wanted = tokens.iter().any(|t| t.contains(":t"));
    let event = if args.break_glass { Event::BreakGlass } else { Event::VaultReveal };
    let found = with((&args.place, wanted), &args.who, &args.log, event, |revealer, who| {
        revealer.reveal(who, tokens, &tenant, purpose, ground)
    })?;
    say("what follows is PHI; keep it only where PHI may be kept");
    let mut out = io::stdout().lock();
    for revealed in &found {
        write!(out, "{}\t{}\t", revealed.token, revealed.kind)?;
        out.write_all(revealed.value.expose())?;
        writeln!(out)?;
    }
    out.flush()?;
    Ok(())
}

pub(super) fn request(args: &RequestArgs) -> Result<(), Failure> {
    let request = Request {
        operator: args.operator.clone(),
        tokens: args.tokens.clone(),
        purpose: audit::scrubbed(Some(&args.purpose))?.unwrap_or_default(),
        time_ms: now_ms(),
    };
    // It shows nothing yet: who asks need not be where the log is.
    match args.log.open(None)? {
        Some((_, log)) => {
            log.append(&request.on_record(Actor::current())).map_err(told)?;
            log.close().map_err(told)?;
        }
        None => say(UNRECORDED),
    }
    print(&request.to_json())
}

pub(super) fn approve(args: &ApproveArgs) -> Result<(), Failure> {
    let request = read(&args.request, Request::from_json)?;
    let operators = args.who.load()?;
    let (_, log) = opened(&args.log, None)?;
    let who = args.who.authenticate(&operators, &log)?;
    without_phi(&request)?;
    let shown = format!("{} asks for {} tokens: {}", request.operator, request.tokens.len(), request.purpose);
    // It came from somebody else: no control character of theirs reaches the terminal.
    say(shown.chars().filter(|c| !c.is_control()).collect::<String>());
    let approval =
        request.approve(who, &args.who.operator_key.reference()?, &log, Actor::current(), now_ms())?;
    log.close().map_err(told)?;
    print(&approval.to_json())
}

pub(super) fn break_glass(args: &BreakGlassArgs) -> Result<(), Failure> {
    let purpose = audit::scrubbed(Some(&args.purpose))?.unwrap_or_default();
    with((&args.place, false), &args.who, &args.log, Event::BreakGlass, |revealer, who| {
        revealer.break_glass(who, &purpose)?;
        let minutes = revealer.operators.limits.break_glass_minutes;
        say(format!(
            "the glass is broken for {minutes} minutes: `scrubjay vault reveal --break-glass`; somebody was told"
        ));
        Ok(())
    })
}

pub(super) fn operator_key(args: &OperatorKeyArgs) -> Result<(), Failure> {
    let key = PublicKey::of(&args.key.reference()?).map_err(|e| Failure::Sentence(e.to_string()))?;
    print(&key.hex())
}

fn read<T>(file: &Path, understand: impl Fn(&str) -> Option<T>) -> Result<T, Failure> {
    let text = read_text(file)?;
    understand(&text).ok_or_else(|| {
        Failure::Sentence(format!(
            "{} is not what the command before it printed; make it once more",
            file.display()
        ))
    })
}

fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()?;
    Ok(())
}
