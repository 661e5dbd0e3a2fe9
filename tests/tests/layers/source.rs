//! Reads the paths that a source file names. It knows as much of Rust as the sources of this project need.

#[derive(Clone, Copy)]
pub(crate) struct Token<'a> {
    pub(crate) line: usize,
    pub(crate) text: &'a str,
}

/// A path such as `crate::sync::Semaphore`, as its segments.
pub(crate) struct Named<'a> {
    pub(crate) line: usize,
    pub(crate) path: Vec<&'a str>,
}

/// Words, `::` and single characters. A comment is whatever follows `//`; strings are read like code.
pub(crate) fn tokens(source: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    for (line, text) in (1..).zip(source.lines()) {
        let mut rest = text.split("//").next().unwrap_or_default().trim_start();
        while let Some(first) = rest.chars().next() {
            let length = match first {
                _ if rest.starts_with("::") => 2,
                _ if is_word(first) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
                _ => first.len_utf8(),
            };
            tokens.push(Token { line, text: &rest[..length] });
            rest = rest[length..].trim_start();
        }
    }
    tokens
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Whether the tokens begin with those of `code`.
pub(crate) fn starts_with(tokens: &[Token<'_>], code: &str) -> bool {
    let code = self::tokens(code);
    tokens.len() >= code.len() && code.iter().zip(tokens).all(|(expected, token)| expected.text == token.text)
}

/// Leaves out every item under `#[cfg(test)]` or `#[cfg(all(test, ..))]`.
pub(crate) fn without_tests<'a>(mut tokens: &[Token<'a>]) -> Vec<Token<'a>> {
    let mut kept = Vec::new();
    while let [first, rest @ ..] = tokens {
        if starts_with(tokens, "#[cfg(test)]") || starts_with(tokens, "#[cfg(all(test,") {
            tokens = &tokens[item_length(tokens)..];
        } else {
            kept.push(*first);
            tokens = rest;
        }
    }
    kept
}

/// How many tokens the first item takes, its attributes included.
fn item_length(tokens: &[Token<'_>]) -> usize {
    let mut open = 0;
    for (at, token) in tokens.iter().enumerate() {
        match token.text {
            "(" | "[" | "{" => open += 1,
            ")" | "]" | "}" => open -= 1,
            _ => {}
        }
        // A `use` with braces goes on to its semicolon.
        let closed = token.text == "}" && tokens.get(at + 1).is_none_or(|next| next.text != ";");
        if open <= 0 && (closed || token.text == ";") {
            return at + 1;
        }
    }
    tokens.len()
}

/// Every path in the code, those in the braces of a `use` written out.
pub(crate) fn paths<'a>(tokens: &[Token<'a>]) -> Vec<Named<'a>> {
    let (mut found, mut at) = (Vec::new(), 0);
    while at < tokens.len() {
        at = read_path(tokens, at, &[], &mut found);
    }
    found
}

/// Reads one path that continues `prefix`, and returns where it ends.
fn read_path<'a>(tokens: &[Token<'a>], mut at: usize, prefix: &[&'a str], found: &mut Vec<Named<'a>>) -> usize {
    let mut path = prefix.to_vec();
    let text_at = |at: usize| tokens.get(at).map_or("", |token| token.text);
    loop {
        if text_at(at) == "{" && !path.is_empty() {
            at += 1;
            while at < tokens.len() && text_at(at) != "}" {
                at = if text_at(at) == "," { at + 1 } else { read_path(tokens, at, &path, found) };
            }
            return at + 1;
        }
        if text_at(at).starts_with(is_word) {
            path.push(tokens[at].text);
        }
        if text_at(at + 1) != "::" {
            break;
        }
        at += 2;
    }
    if let Some(token) = tokens.get(at) {
        found.push(Named { line: token.line, path });
    }
    // In braces, the name after `as` would look like one more path.
    if text_at(at + 1) == "as" { at + 3 } else { at + 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(source: &str) -> Vec<String> {
        let kept = without_tests(&tokens(source));
        paths(&kept).into_iter().map(|named| named.path.join("::")).filter(|path| path.contains("::")).collect()
    }

    #[test]
    fn braces_are_written_out_and_renames_ignored() {
        let source = "use a::{b as x, c::{d, e},\n f::*};\nuse g::h as i;\nlet j = k::l(m::<n::o>::p) as q;";
        assert_eq!(read(source), ["a::b", "a::c::d", "a::c::e", "a::f", "g::h", "k::l", "n::o"]);
    }

    #[test]
    fn comments_and_test_items_are_left_out() {
        let source = "/// See a::b.\n#[cfg(test)]\nuse c::{d, e};\n#[cfg(all(test, loom))]\n#[path = \"x\"]\nmod f;\n\
            #[cfg(test)]\nmod g { fn h() { i::j(); } }\nk::l(); // m::n";
        assert_eq!(read(source), ["k::l"]);
    }

    #[test]
    fn other_conditions_are_not_test_items() {
        assert_eq!(read("#[cfg(any(test, loom))]\nuse a::b;\n#[cfg(not(test))]\nuse c::d;"), ["a::b", "c::d"]);
    }

    #[test]
    fn a_path_knows_its_line() {
        assert_eq!(paths(&tokens("//\n\nuse a::{\n b,\n};"))[1].line, 4);
    }
}
