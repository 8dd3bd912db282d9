//! The replies' XML as a tree. It takes what our server writes, and nothing else.

/// An element: its name, the text in it, and the elements in it.
#[derive(Debug, Default)]
pub(crate) struct Node {
    name: String,
    text: String,
    children: Vec<Node>,
}

/// Reads a document.
pub(crate) fn parse(document: &str) -> Node {
    let mut open = vec![Node::default()];
    let mut parts = document.split('<');
    parts.next();
    for part in parts {
        let (tag, text) = part.split_once('>').unwrap();
        if tag.starts_with('?') {
            continue;
        }
        if let Some(name) = tag.strip_prefix('/') {
            let node = open.pop().unwrap();
            assert_eq!(node.name, name, "{document}");
            open.last_mut().unwrap().children.push(node);
            continue;
        }
        let name = tag.split([' ', '/']).next().unwrap().to_owned();
        let node = Node { name, text: plain(text), children: Vec::new() };
        match tag.ends_with('/') {
            true => open.last_mut().unwrap().children.push(node),
            false => open.push(node),
        }
    }
    assert_eq!(open.len(), 1, "{document}");
    open.remove(0)
}

impl Node {
    /// The first element of that name, at any depth.
    pub(crate) fn find(&self, name: &str) -> Option<&Self> {
        self.children.iter().find_map(|child| match child.name == name {
            true => Some(child),
            false => child.find(name),
        })
    }

    /// The members of a list that lies directly in this element; none when it is left out.
    pub(crate) fn members(&self, name: &str) -> &[Self] {
        let list = self.children.iter().find(|child| child.name == name);
        list.map(|list| list.children.as_slice()).unwrap_or_default()
    }

    /// The text of an element directly in this one.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.children.iter().find(|child| child.name == name).map(|child| child.text.as_str())
    }

    /// The same of one that must be there.
    pub(crate) fn text(&self, name: &str) -> String {
        self.get(name).unwrap_or_else(|| panic!("no <{name}> in {self:?}")).to_owned()
    }

    /// Two texts of each member of the first list of that name.
    pub(crate) fn pairs(&self, list: &str, one: &str, two: &str) -> Vec<(String, String)> {
        let members = self.find(list).map(|list| list.children.as_slice()).unwrap_or_default();
        members.iter().map(|member| (member.text(one), member.text(two))).collect()
    }

    /// The element of that name, alone.
    pub(crate) fn take(mut self, name: &str) -> Self {
        let found = self.children.iter().position(|child| child.name == name);
        match found {
            Some(place) => self.children.swap_remove(place),
            None => match self.children.into_iter().next() {
                Some(child) => child.take(name),
                None => panic!("no <{name}>"),
            },
        }
    }

    /// The elements in it, whatever they are called.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &Self> {
        self.children.iter()
    }

    /// The texts of the members themselves.
    pub(crate) fn words(&self, list: &str) -> Vec<String> {
        self.members(list).iter().map(|member| member.text.clone()).collect()
    }
}

fn plain(text: &str) -> String {
    let plain = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")];
    plain.iter().fold(text.to_owned(), |text, (entity, plain)| text.replace(entity, plain))
}

/// Undoes percent-encoding.
pub(crate) fn decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap().as_bytes().to_vec();
    for part in parts {
        let (byte, rest) = part.split_at(2);
        bytes.push(u8::from_str_radix(byte, 16).unwrap());
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).unwrap()
}
