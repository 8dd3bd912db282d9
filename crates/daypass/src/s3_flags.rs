//! The flags of the S3 gateway.

use std::path::PathBuf;

use clap::Args;
use clap::builder::BoolishValueParser;
use daypass_server::Layer;

#[derive(Args, Debug)]
#[command(next_help_heading = "S3 gateway")]
pub(crate) struct S3Flags {
    /// Address and port of an S3 gateway: requests signed with the credentials of this deployment are
    /// decided here and passed on to --s3-backend [default: none]
    ///
    /// The certificate, the trusted proxies and the limits are those of --listen.
    #[arg(long, value_name = "ADDRESS", env = "DAYPASS_S3_LISTEN", hide_env_values = true)]
    s3_listen: Option<String>,

    /// URL of the S3 server behind the gateway, such as `https://garage.example:3900`
    ///
    /// Plain HTTP goes to this machine only, unless --s3-backend-plain-http says otherwise. Nobody but
    /// the gateway should be able to reach it: whoever knows its keys passes by all policies.
    #[arg(long, value_name = "URL", env = "DAYPASS_S3_BACKEND", hide_env_values = true)]
    s3_backend: Option<String>,

    /// File with the access key for the backend, in the form of AWS's `credentials` file or as two
    /// lines, id and secret
    #[arg(
        long,
        value_name = "FILE",
        env = "DAYPASS_S3_BACKEND_CREDENTIALS",
        hide_env_values = true
    )]
    s3_backend_credentials: Option<PathBuf>,

    /// Region that requests to the backend are signed for, such as `garage` [default: us-east-1]
    #[arg(long, value_name = "REGION", env = "DAYPASS_S3_BACKEND_REGION", hide_env_values = true)]
    s3_backend_region: Option<String>,

    /// PEM file with the authorities that the backend's certificate must come from [default: those
    /// that Mozilla trusts, as of the build]
    #[arg(long, value_name = "FILE", env = "DAYPASS_S3_BACKEND_CA", hide_env_values = true)]
    s3_backend_ca: Option<PathBuf>,

    /// Let plain HTTP to the backend leave this machine, towards addresses of private networks
    /// (10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10, fc00::/7) [default: false]
    ///
    /// The address is looked at after the name was resolved. Everything that is stored goes that way in
    /// the clear.
    #[arg(
        long,
        value_name = "BOOL",
        env = "DAYPASS_S3_BACKEND_PLAIN_HTTP",
        hide_env_values = true,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_parser = BoolishValueParser::new()
    )]
    s3_backend_plain_http: Option<bool>,

    /// Seconds that the backend may take to begin its answer, and rest within it, 1 to 900 [default: 60]
    ///
    /// The time counts from the last byte of the request's body on, and while the backend takes nothing
    /// of the body; clients that are slow are not its fault. Copies, the end of multipart uploads and
    /// DeleteObjects have 15 minutes whatever this says.
    #[arg(
        long,
        value_name = "SECONDS",
        env = "DAYPASS_S3_BACKEND_TIMEOUT",
        hide_env_values = true
    )]
    s3_backend_timeout: Option<u32>,

    /// Pass keys on that have empty segments, such as `a//b`: the backend keeps keys byte for byte
    /// [default: false]
    ///
    /// Backends that keep objects as files take `a//b` for `a/b`, and a policy that speaks of one is
    /// then passed by with the other. Without this such keys are refused; keys with `.` or `..` as a
    /// segment always are.
    #[arg(
        long,
        value_name = "BOOL",
        env = "DAYPASS_S3_BACKEND_EXACT_KEYS",
        hide_env_values = true,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_parser = BoolishValueParser::new()
    )]
    s3_backend_exact_keys: Option<bool>,

    /// Host names of the gateway below which the first label is a bucket, separated by commas, such as
    /// `s3.example.org` for `BUCKET.s3.example.org` [default: none, buckets are in the path]
    #[arg(
        long,
        value_name = "LIST",
        env = "DAYPASS_S3_DOMAIN",
        hide_env_values = true,
        value_delimiter = ','
    )]
    s3_domain: Option<Vec<String>>,

    /// Let bucket policies grant something to requests that are not signed [default: false]
    #[arg(
        long,
        value_name = "BOOL",
        env = "DAYPASS_S3_ANONYMOUS",
        hide_env_values = true,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_parser = BoolishValueParser::new()
    )]
    s3_anonymous: Option<bool>,

    /// Requests to objects that the audit trail records, separated by commas: BUCKET or BUCKET/PREFIX,
    /// `*` for every bucket, with `read:` or `write:` before it for one of the two [default: none]
    ///
    /// Requests that concern buckets rather than objects are always recorded.
    #[arg(
        long,
        value_name = "LIST",
        env = "DAYPASS_S3_DATA_EVENTS",
        hide_env_values = true,
        value_delimiter = ','
    )]
    s3_data_events: Option<Vec<String>>,

    /// Mebibytes that chunks of uploads may take which are held until their signature is verified,
    /// 16 to 65536 [default: 256]
    ///
    /// One account has a quarter of it, but 16 at least. An eighth, as far as 16 remain, is for chunks
    /// of at most 1 MiB alone. Uploads that find no room wait for it, and are refused with `SlowDown`
    /// after ten seconds; those that hold room and send less than 64 KiB a second are given up.
    #[arg(long, value_name = "MIB", env = "DAYPASS_S3_CHUNK_MEMORY_MIB", hide_env_values = true)]
    s3_chunk_memory_mib: Option<u32>,
}

impl S3Flags {
    /// Puts the settings into a layer.
    pub(crate) fn fill(self, layer: &mut Layer) {
        layer.s3_listen = self.s3_listen;
        layer.s3_backend = self.s3_backend;
        layer.s3_backend_credentials = self.s3_backend_credentials;
        layer.s3_backend_region = self.s3_backend_region;
        layer.s3_backend_ca = self.s3_backend_ca;
        layer.s3_backend_plain_http = self.s3_backend_plain_http;
        layer.s3_backend_timeout = self.s3_backend_timeout;
        layer.s3_backend_exact_keys = self.s3_backend_exact_keys;
        layer.s3_domain = self.s3_domain;
        layer.s3_anonymous = self.s3_anonymous;
        layer.s3_data_events = self.s3_data_events;
        layer.s3_chunk_memory_mib = self.s3_chunk_memory_mib;
    }
}
