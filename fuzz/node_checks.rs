//! What must hold for any text that a node is configured with. The fuzz targets run these, and so
//! does an ordinary test over the committed corpora.

use std::path::Path;

use sekisho_broker::client_key;
use sekisho_broker::config::Config;

/// What is refused says why; what is taken keeps to what an operator may set.
pub(crate) fn node_config(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match Config::parse(text, Path::new("/node"), Path::new("sekisho.toml")) {
        Ok(config) => {
            assert!(config.listen_http.ip().is_loopback());
            assert!(config.connections_max > 0 && config.strangers_per_address_max > 0);
            assert!(config.envelope_bytes_max >= 1_024 && config.free_bytes_min > 0);
        }
        Err(refused) => assert!(!refused.to_string().is_empty()),
    }
}

/// Whatever a client shows as its certificate: a key is found in it, always the same, or none.
pub(crate) fn client_certificate(bytes: &[u8]) {
    let found = client_key(bytes);
    assert_eq!(found, client_key(bytes));
    if let Some(key) = found {
        let key: &[u8] = key.as_ref();
        assert!(bytes.windows(key.len()).any(|part| part == key), "the key is the certificate's");
    }
}
