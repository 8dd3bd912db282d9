//! The settings `regions` and `endpoints`: which Regions there are, and by which host names their
//! endpoints are reached. What they mean is in `daypass_api::Regions`.
//!
//! Refused are: what is no Region or host name, an endpoint of a Region that there is not, and Regions
//! without the one of the global endpoint.

use daypass_api::{EndpointName, Regions};
use daypass_names::{Constrained, HostName, Region};

use crate::config::{ConfigFault, parse_region};

/// Behind the name of a Region that accounts have to enable.
const OPT_IN: &str = "opt-in";
/// In the place of a Region, the global endpoint.
const GLOBAL: &str = "global";

/// Parses both settings; nothing when no Regions are configured.
pub(crate) fn parse(
    global: &Region,
    regions: Option<Vec<String>>,
    endpoints: Option<Vec<String>>,
) -> Result<Option<Regions>, ConfigFault> {
    let endpoints = endpoints.unwrap_or_default();
    let Some(regions) = regions else {
        return match &*endpoints {
            [] => Ok(None),
            _ => Err(ConfigFault::Half { has: "endpoints", lacks: "`regions`" }),
        };
    };
    if regions.is_empty() {
        let reason = "the list is empty; leave it out for any Region";
        return Err(ConfigFault::setting("regions", reason));
    }
    let regions = regions.iter().map(|text| parse_one(text)).collect::<Result<Vec<_>, _>>()?;
    if !regions.iter().any(|(region, _)| region == global) {
        let reason = format!(
            "`{global}`, the Region of the deployment and of the global endpoint, is none of them: \
             add it, or name another in `region`"
        );
        return Err(ConfigFault::setting("regions", reason));
    }
    // First without the host names, so that a refusal names the right setting.
    Regions::new(global, regions.clone(), Vec::new())
        .map_err(|fault| ConfigFault::setting("regions", fault))?;
    let hosts = endpoints.iter().map(|text| parse_endpoint(text)).collect::<Result<_, _>>()?;
    let made = Regions::new(global, regions, hosts);
    made.map(Some).map_err(|fault| ConfigFault::setting("endpoints", fault))
}

/// `REGION` or `REGION:opt-in`.
fn parse_one(text: &str) -> Result<(Region, bool), ConfigFault> {
    let (name, opt_in) = match text.trim().split_once(':') {
        None => (text.trim(), false),
        Some((name, OPT_IN)) => (name, true),
        Some(_) => {
            let reason = format!("`{text}` is not of the form REGION or REGION:{OPT_IN}");
            return Err(ConfigFault::setting("regions", reason));
        }
    };
    if name.eq_ignore_ascii_case(GLOBAL) {
        let reason = format!("`{name}` stands for the global endpoint: no Region has that name");
        return Err(ConfigFault::setting("regions", reason));
    }
    Ok((parse_region("regions", name)?, opt_in))
}

/// `HOST=REGION` or `HOST=global`.
fn parse_endpoint(text: &str) -> Result<(HostName, EndpointName), ConfigFault> {
    let parts = text.split_once('=').map(|(host, region)| (host.trim(), region.trim()));
    let named = parts.and_then(|(host, region)| Some((HostName::parse(host).ok()?, region)));
    let Some((host, region)) = named else {
        let reason = format!(
            "`{text}` is not of the form HOST=REGION or HOST={GLOBAL}, with a host name in small \
             letters and without a port"
        );
        return Err(ConfigFault::setting("endpoints", reason));
    };
    match region {
        GLOBAL => Ok((host, EndpointName::Global)),
        _ => Ok((host, EndpointName::Regional(parse_region("endpoints", region)?))),
    }
}
