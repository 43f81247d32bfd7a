//! What TLS to Redis trusts and shows.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use super::super::url::TlsFiles;

/// The client's side of TLS: the public authorities, or those of `ca` in their place. The error is
/// the end of a sentence that begins with the setting's name.
pub(super) fn config(files: &TlsFiles) -> Result<Arc<ClientConfig>, String> {
    let roots: RootCertStore = match &files.ca {
        None => webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect(),
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(path)? {
                let fault = |error| format!("names a certificate file that is none: {error}");
                roots.add(certificate).map_err(fault)?;
            }
            roots
        }
    };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("can't be reached by TLS: {error}"))?
        .with_root_certificates(roots);
    let config = match (&files.certificate, &files.key) {
        (Some(certificate), Some(key)) => {
            let chain = certificates(certificate)?;
            let key = PrivateKeyDer::from_pem_file(key)
                .map_err(|error| unreadable(key, "private key", &error))?;
            builder.with_client_auth_cert(chain, key).map_err(|error| {
                format!("names a client certificate that can't be used: {error}")
            })?
        }
        _ => builder.with_no_client_auth(),
    };
    Ok(Arc::new(config))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    let read: Vec<_> = read.map_err(|error| unreadable(path, "certificate", &error))?;
    if read.is_empty() {
        return Err(format!(
            "names {}, which holds no certificate",
            path.display()
        ));
    }
    Ok(read)
}

fn unreadable(path: &Path, what: &str, error: &rustls::pki_types::pem::Error) -> String {
    format!(
        "names {}, of which no {what} can be read: {error}",
        path.display()
    )
}
