//! TLS from PEM files: TLS 1.2 and 1.3, with the suites that rustls holds to be safe.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::reason::unreadable;

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|e| format!("cannot read {}: {}", path.display(), unreadable(&e)))
}

fn identity(
    certificate: &Path,
    key: &Path,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), String> {
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&read(certificate)?)
        .collect::<Result<_, _>>()
        .ok()
        .filter(|chain: &Vec<_>| !chain.is_empty())
        .ok_or_else(|| format!("{} holds no certificate in PEM", certificate.display()))?;
    let key = PrivateKeyDer::from_pem_slice(&read(key)?)
        .map_err(|_| format!("{} holds no private key in PEM", key.display()))?;
    Ok((chain, key))
}

fn authorities(file: &Path) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    let found = CertificateDer::pem_slice_iter(&read(file)?).collect::<Result<Vec<_>, _>>();
    let (added, _) = roots.add_parsable_certificates(found.unwrap_or_default());
    if added == 0 {
        return Err(format!("{} holds no certificate in PEM", file.display()));
    }
    Ok(roots)
}

/// For clients; with `client_ca_file` only for those with a certificate of one of its authorities.
pub(super) fn server_config(
    certificate: &Path,
    key: &Path,
    client_ca_file: Option<&Path>,
) -> Result<Arc<rustls::ServerConfig>, String> {
    let (chain, private) = identity(certificate, key)?;
    let roots = client_ca_file.map(authorities).transpose()?;
    let config = crate::gateway::http::server_config(chain, private, roots);
    config.map(Arc::new).map_err(|_| format!("{} is not the key of the certificate", key.display()))
}

/// For a server: whom to trust, the system's authorities unless a file names others, and what to show it.
pub(super) fn client_config(
    ca_file: Option<&Path>,
    shown: Option<&(PathBuf, PathBuf)>,
) -> Result<Arc<rustls::ClientConfig>, String> {
    let roots = match ca_file {
        Some(path) => authorities(path)?,
        None => {
            let mut roots = RootCertStore::empty();
            let (added, _) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if added == 0 {
                return Err("the system trusts no certificate authority; name one with ca_file".to_owned());
            }
            roots
        }
    };
    let builder = rustls::ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?
        .with_root_certificates(roots);
    let config = match shown {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let (chain, private) = identity(certificate, key)?;
            let config = builder.with_client_auth_cert(chain, private);
            config.map_err(|_| format!("{} is not the key of the certificate", key.display()))?
        }
    };
    Ok(Arc::new(config))
}
