//! The edge of Daypass: settings, data folder, TLS, listener, start-up and shutdown.
//!
//! [`Config::resolve`] turns what the operator said into settings that fit together,
//! [`Server::start`] into a server whose socket is bound and whose files are written, and
//! [`Running::serve_until`] answers requests. Everything that decides anything about a request is
//! in `daypass-api`; here it is only received within limits (modules `edge` and `body`) and handed
//! over.
//!
//! Only the module `system` reads the machine's clock and randomness.

mod administrator;
mod body;
mod body_shares;
mod bootstrap;
mod carried_through;
mod client_authorities;
mod config;
mod connection;
mod data_folder;
mod durations;
mod edge;
mod fetch;
mod forward_auth_settings;
mod forward_port;
mod found_once;
mod founded;
mod health;
mod http_service;
mod kept;
mod key_encryption;
mod listener;
mod main_port;
mod managed_policies;
mod metrics;
mod metrics_listener;
pub mod offline;
pub mod operator;
mod own_records;
mod patience;
mod per_address;
mod proxies;
pub mod question;
mod rate_limit_settings;
mod regions;
mod reload;
mod running;
mod s3_metrics;
mod s3_port;
mod s3_settings;
mod shared_credentials;
mod shared_files;
mod system;
mod tasks;
mod tls;
mod upkeep;
mod watched_file;

pub use bootstrap::{ADMIN, BootstrapFault};
pub use client_authorities::ClientAuthoritiesFault;
pub use config::{
    AdminKey, Config, ConfigFault, DEFAULT_LISTEN, DEFAULT_LOG, DEFAULT_REGION, DataPlace, Home,
    KekSource, Layer, LogFormat, SecretText, TlsFiles,
};
pub use data_folder::FolderFault;
pub use daypass_api::Clock;
pub use fetch::{FetchSettings, NetworkFault, Networks, TrustFault};
pub use forward_auth_settings::ForwardAuthSettings;
pub use forward_port::ForwardAuthFault;
pub use key_encryption::KeyFault;
pub use managed_policies::ManagedPoliciesFault;
pub use proxies::{Proxies, ProxyFault};
pub use running::{Running, Server, StartFault};
pub use s3_port::S3Fault;
pub use s3_settings::S3Settings;
pub use shared_files::{PROFILE, SharedFileFault};
pub use system::{SystemClock, SystemRandom};
pub use tls::TlsFault;
