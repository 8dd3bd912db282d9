//! What a service was registered for: it asks about requests that were made for its hosts and its
//! services of signatures, by principals of its accounts, and about nothing else.

use daypass_names::{AccountId, Arn, Constrained, HostName};
use http::HeaderMap;
use http::header::HOST;

/// The services of signatures whose paths are signed as they are sent, without a second encoding.
/// SigV4 chapter of the IAM user guide, "Create a canonical request".
const UNNORMALISED: [&str; 4] = ["s3", "s3-object-lambda", "s3-outposts", "s3express"];

/// Whether the paths of a service of signatures are normalised before they are signed.
pub(super) fn normalizes_path(signing_name: &str) -> bool {
    !UNNORMALISED.contains(&signing_name)
}

/// Whether a request came for a host that is the service's.
///
/// A host stands for itself alone, but in signatures for S3 for the names below it, too: before it
/// there stands a bucket (S3 user guide, "Virtual hosting of general purpose buckets").
pub(super) fn is_for_host(own: &[HostName], headers: &HeaderMap, signing_name: &str) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
    let Some(host) = host.to_str().ok().and_then(without_port) else { return false };
    let host = host.to_ascii_lowercase();
    let Ok(host) = HostName::parse(&host) else { return false };
    let has_buckets = signing_name == "s3";
    own.iter().any(|own| {
        host == *own || {
            let below = host.as_str().strip_suffix(own.as_str());
            has_buckets && below.is_some_and(|below| below.ends_with('.') && below.len() > 1)
        }
    })
}

/// A host without its port.
fn without_port(host: &str) -> Option<&str> {
    match host.rsplit_once(':') {
        Some((host, port)) => {
            let is_port = !port.is_empty()
                && port.len() <= 5
                && port.bytes().all(|byte| byte.is_ascii_digit());
            is_port.then_some(host)
        }
        None => Some(host),
    }
}

/// Whose a resource is, as far as that is known: what was told or stands in the ARN; the caller's for
/// an action that has no resource; or else that of the only account that the service is
/// registered for. Of an account that is not known the caller is none, and needs the Allow of the
/// resource's policy beside its own.
///
/// # Errors
/// With an account that the service is not registered for.
pub(super) fn resource_account(
    accounts: &[AccountId],
    caller: AccountId,
    resource: &str,
    told: Option<AccountId>,
) -> Result<Option<AccountId>, AccountId> {
    let named = told.or_else(|| Arn::parse(resource).ok()?.account());
    match named {
        Some(account) if !accounts.contains(&account) => Err(account),
        Some(account) => Ok(Some(account)),
        None if resource == "*" => Ok(Some(caller)),
        None => match *accounts {
            [only] => Ok(Some(only)),
            _ => Ok(None),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_came_for_a_host_of_the_service() {
        let own = ["s3.example.com", "store"].map(|name| HostName::parse(name).unwrap());
        for (hosts, signing_name, want) in [
            (&["s3.example.com"][..], "s3", true),
            (&["S3.Example.com:9000"], "s3", true),
            (&["store:80"], "glue", true),
            (&["bucket.s3.example.com"], "s3", true),
            (&["a.b.s3.example.com:443"], "s3", true),
            // Buckets are S3's.
            (&["bucket.s3.example.com"], "glue", false),
            (&["s3.example.com.evil"], "s3", false),
            (&["evils3.example.com"], "s3", false),
            (&[".s3.example.com"], "s3", false),
            (&["s3.example.com."], "s3", false),
            (&["s3.example.com:"], "s3", false),
            (&["s3.example.com:1:2"], "s3", false),
            (&["x@s3.example.com"], "s3", false),
            (&["example.com"], "s3", false),
            (&["192.0.2.7"], "s3", false),
            (&["[::1]:80"], "s3", false),
            (&[""], "s3", false),
            (&[], "s3", false),
            (&["s3.example.com", "s3.example.com"], "s3", false),
        ] {
            let mut headers = HeaderMap::new();
            for host in hosts {
                headers.append(HOST, host.parse().unwrap());
            }
            assert_eq!(is_for_host(&own, &headers, signing_name), want, "{hosts:?}");
        }
        let mut headers = HeaderMap::new();
        headers.insert(HOST, "s3.example.com".parse().unwrap());
        assert!(!is_for_host(&[], &headers, "s3"));
    }

    #[test]
    fn a_resource_is_of_an_account_of_the_service() {
        let account = |digit: &str| AccountId::parse(&digit.repeat(12)).unwrap();
        let (one, two, other) = (account("1"), account("2"), account("3"));
        let of_two = "arn:aws:notes:::222222222222";
        let in_two = "arn:aws:notes:eu-west-1:222222222222:note/a";
        let in_other = "arn:aws:notes:eu-west-1:333333333333:note/a";
        for (accounts, resource, told, want) in [
            (&[one][..], of_two, None, Ok(Some(one))),
            (&[one, two], of_two, None, Ok(None)),
            (&[one, two], of_two, Some(two), Ok(Some(two))),
            (&[one, two], in_two, None, Ok(Some(two))),
            (&[one, two], "*", None, Ok(Some(one))),
            (&[one, two], "*", Some(two), Ok(Some(two))),
            (&[one], in_two, None, Err(two)),
            (&[one, two], in_other, None, Err(other)),
            (&[one, two], of_two, Some(other), Err(other)),
        ] {
            let got = resource_account(accounts, one, resource, told);
            assert_eq!(got, want, "{accounts:?} {resource} {told:?}");
        }
    }
}
