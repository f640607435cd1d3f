//! For the tests of all protocols: who counts, and TLS under a certificate of the tests' own.

use std::sync::{Arc, Mutex};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};

use super::judge::{Observer, Outcome};

/// Sessions that are open, and every message that has ended.
#[derive(Default)]
pub(super) struct Count(pub(super) Mutex<(i64, Vec<(&'static str, usize)>)>);

impl Observer for Count {
    fn session_opened(&self) {
        self.0.lock().unwrap().0 += 1;
    }
    fn session_closed(&self) {
        self.0.lock().unwrap().0 -= 1;
    }
    fn message(&self, outcome: Outcome, bytes: usize) {
        self.0.lock().unwrap().1.push((outcome.as_str(), bytes));
    }
}

const SERVER: &[u8] = include_bytes!("../../tests/brokers/tls/server.pem");
pub(super) const CA: &[u8] = include_bytes!("../../tests/brokers/tls/ca.pem");
pub(super) const OTHER_CA: &[u8] = include_bytes!("../../tests/brokers/tls/other-ca.pem");

pub(super) fn server() -> Arc<rustls::ServerConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let certificates = CertificateDer::pem_slice_iter(SERVER).collect::<Result<Vec<_>, _>>().unwrap();
    let builder = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let key = PrivateKeyDer::from_pem_slice(SERVER).unwrap();
    Arc::new(builder.unwrap().with_no_client_auth().with_single_cert(certificates, key).unwrap())
}

pub(super) fn trusting(ca: &[u8]) -> Arc<rustls::ClientConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca).unwrap()).unwrap();
    let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    Arc::new(builder.unwrap().with_root_certificates(roots).with_no_client_auth())
}

pub(super) fn name() -> ServerName<'static> {
    ServerName::try_from("localhost").unwrap()
}
