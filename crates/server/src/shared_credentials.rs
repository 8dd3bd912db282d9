//! The file with the credentials for the backend of the S3 gateway: the AWS shared credentials format
//! (AWS SDKs and Tools reference guide, "Shared config and credentials files"), or two lines, the id
//! and the secret. Lines that begin with `#` or `;` are comments, but for the second of two: secrets may
//! begin so, too, or with the `[` of a profile.

use daypass_gateway::ForeignCredentials;

/// Reads the credentials: those of the profile `default`, or of the only profile there is.
///
/// # Errors
/// What is wrong. Nothing of the file's content is in it but names of keys.
pub(crate) fn parse(text: &str) -> Result<ForeignCredentials, &'static str> {
    let is_comment = |line: &str| line.starts_with(['#', ';']);
    let written = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let written: Vec<&str> = written.skip_while(|line| is_comment(line)).collect();
    if let [id, secret] = *written
        && !id.starts_with('[')
    {
        return ForeignCredentials::parse(id, secret, None);
    }
    let lines = || written.iter().copied().filter(|line| !is_comment(line));
    let (id, secret, session_token) = if lines().any(|line| line.starts_with('[')) {
        profile(lines())?
    } else {
        let lines: Vec<&str> = lines().collect();
        let [id, secret] = *lines else {
            return Err("it has neither a profile nor two lines, the access key id and the secret");
        };
        (id, secret, None)
    };
    ForeignCredentials::parse(id, secret, session_token)
}

type Profile<'t> = (&'t str, &'t str, Option<&'t str>);

/// The three settings of the profile that counts.
fn profile<'t>(lines: impl Iterator<Item = &'t str>) -> Result<Profile<'t>, &'static str> {
    let mut profiles: Vec<(&str, Vec<(&str, &str)>)> = Vec::new();
    for line in lines {
        if let Some(name) = line.strip_prefix('[') {
            let name =
                name.strip_suffix(']').ok_or("a line begins a profile and does not end it")?;
            profiles.push((name.trim(), Vec::new()));
            continue;
        }
        let (_, settings) = profiles.last_mut().ok_or("a setting stands before every profile")?;
        let (name, value) = line.split_once('=').ok_or("a line is not of the form NAME = VALUE")?;
        settings.push((name.trim(), value.trim()));
    }
    let chosen = match profiles.as_slice() {
        [only] => only,
        several => {
            let mut named = several.iter().filter(|(name, _)| *name == "default");
            match (named.next(), named.next()) {
                (Some(chosen), None) => chosen,
                _ => return Err("of several profiles exactly one must be [default]"),
            }
        }
    };
    let setting = |wanted: &str| {
        let mut found =
            chosen.1.iter().filter(|(name, _)| *name == wanted).map(|(_, value)| *value);
        match (found.next(), found.next()) {
            (found, None) => Ok(found),
            _ => Err("a setting of the profile is there twice"),
        }
    };
    Ok((
        setting("aws_access_key_id")?.ok_or("the profile has no `aws_access_key_id`")?,
        setting("aws_secret_access_key")?.ok_or("the profile has no `aws_secret_access_key`")?,
        setting("aws_session_token")?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "AKIAIOSFODNN7EXAMPLE";
    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

    #[test]
    fn two_lines_or_a_profile() {
        for (text, token) in [
            (format!("{ID}\n{SECRET}\n"), None),
            (format!("# backend\r\n{ID}\r\n\r\n{SECRET}\r\n"), None),
            (format!("[default]\naws_access_key_id = {ID}\naws_secret_access_key={SECRET}"), None),
            (
                format!(
                    "[backend]\naws_access_key_id={ID}\naws_secret_access_key={SECRET}\n\
                     aws_session_token=abc=\nregion = garage"
                ),
                Some("abc="),
            ),
            (
                format!(
                    "[other]\naws_access_key_id=x\n[default]\naws_access_key_id={ID}\n\
                     aws_secret_access_key={SECRET}"
                ),
                None,
            ),
        ] {
            let read = parse(&text).unwrap();
            assert_eq!(read.access_key_id(), ID, "{text}");
            assert_eq!(read.expose_secret(), SECRET, "{text}");
            assert_eq!(read.expose_token(), token, "{text}");
        }
        for first in ["#", ";", "["] {
            let secret = format!("{first}{SECRET}");
            for before in ["", "\n", "# backend\n; of the lake\n\n"] {
                let text = format!("{before}{ID}\n{secret}\n");
                assert_eq!(parse(&text).unwrap().expose_secret(), secret, "{text}");
            }
            // With more than that it is not clear which line is what.
            assert!(parse(&format!("{ID}\n{secret}\n# backend")).is_err());
        }
        let text = format!("{ID}\n# the secret\n{SECRET}\n; the end");
        assert_eq!(parse(&text).unwrap().expose_secret(), SECRET);
        // As S3 servers come from their makers.
        assert_eq!(parse("minioadmin\nminioadmin").unwrap().access_key_id(), "minioadmin");
    }

    #[test]
    fn a_file_that_does_not_say_which_credentials_is_refused() {
        for text in [
            "".to_owned(),
            ID.to_owned(),
            format!("# backend\n{ID}"),
            format!("{ID}\n# the secret"),
            format!("aws_access_key_id={ID}\naws_secret_access_key={SECRET}"),
            format!("{ID}\n{SECRET}\nthird"),
            "two words\nshort".to_owned(),
            format!("[a]\naws_access_key_id={ID}"),
            format!("[a\naws_access_key_id={ID}"),
            format!("aws_access_key_id={ID}\n[a]\naws_secret_access_key={SECRET}"),
            format!("[a]\n{ID}\n{SECRET}"),
            format!("[a]\naws_access_key_id={ID}\n[b]\naws_secret_access_key={SECRET}"),
            format!(
                "[a]\naws_access_key_id={ID}\naws_access_key_id={ID}\naws_secret_access_key={SECRET}"
            ),
        ] {
            let fault = parse(&text).expect_err(&text);
            assert!(!fault.contains(SECRET) && !fault.contains(ID), "{fault}");
        }
    }
}
