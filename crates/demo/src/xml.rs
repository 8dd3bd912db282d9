//! The text of one element of a reply. For the demo's own server only: it knows no attributes, no
//! namespaces and no CDATA.

/// The text of the first `<tag>…</tag>`.
pub(crate) fn text(xml: &str, tag: &str) -> Option<String> {
    let (_, rest) = xml.split_once(&format!("<{tag}>"))?;
    let (text, _) = rest.split_once(&format!("</{tag}>"))?;
    Some(unescape(text))
}

/// Undoes the five named escapes; the ampersand's last, or it would make new ones.
fn unescape(text: &str) -> String {
    [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&apos;", "'"),
        ("&#39;", "'"),
        ("&amp;", "&"),
    ]
    .iter()
    .fold(text.to_owned(), |text, (escape, plain)| text.replace(escape, plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_element_of_that_very_name_is_read() {
        let xml =
            "<A><Arn>one</Arn><ArnLike>no</ArnLike><Arn>two</Arn><M>&amp;lt; &lt;x&gt;</M></A>";
        assert_eq!(text(xml, "Arn").as_deref(), Some("one"));
        assert_eq!(text(xml, "M").as_deref(), Some("&lt; <x>"));
        assert_eq!(text(xml, "ArnLik"), None);
        assert_eq!(text("<Arn>cut", "Arn"), None);
    }
}
