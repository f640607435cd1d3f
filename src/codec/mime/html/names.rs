//! Elements and attributes by name: what a tag means for the text around it, and which names need no look.
//!
//! A name that stands here holds no one's data. Any other is handed out as text: `<maria.lopez@example.com>`, which a mail
//! program forgot to escape, is a tag to a browser.

/// What stands between the text before a tag and the text behind it. Of several tags between two texts the greatest
/// counts, so that paragraphs inside of cells do not part the cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) enum Gap {
    /// Nothing: `123-<b>45</b>` is one word.
    #[default]
    None,
    /// A space: something that is shown itself, and white space.
    Space,
    /// A line end.
    Line,
    /// An empty line.
    Paragraph,
    /// A tab: a cell of a table.
    Cell,
    /// A line end: a row of a table, or all of it.
    Row,
}

impl Gap {
    /// How it stands in a view.
    pub(super) fn text(self) -> &'static [u8] {
        match self {
            Gap::None => b"",
            Gap::Space => b" ",
            Gap::Line | Gap::Row => b"\n",
            Gap::Paragraph => b"\n\n",
            Gap::Cell => b"\t",
        }
    }
}

/// How what stands behind a start tag is read, up to the element's end tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// As HTML.
    Html,
    /// As HTML in which white space counts.
    Preformatted,
    /// As text with references but without tags.
    References,
    /// As it is.
    Raw,
    /// As it is; programs that do not know the element read it as HTML.
    Fallback,
}

/// The longest name of an element or attribute that is known.
const LONGEST: usize = 24;

/// What is known of an element; nothing of one that the standard, old mail programs and Office do not use.
#[rustfmt::skip]
pub(super) fn element(name: &[u8]) -> Option<(Gap, Content)> {
    let mut buffer = [0; LONGEST];
    Some(match lower(name, &mut buffer)? {
        b"td" | b"th" => (Gap::Cell, Content::Html),
        b"caption" | b"col" | b"colgroup" | b"table" | b"tbody" | b"tfoot" | b"thead" | b"tr" => {
            (Gap::Row, Content::Html)
        }
        b"pre" | b"listing" => (Gap::Paragraph, Content::Preformatted),
        b"title" => (Gap::Paragraph, Content::References),
        b"textarea" => (Gap::Space, Content::References),
        b"script" | b"style" => (Gap::None, Content::Raw),
        b"xmp" => (Gap::Paragraph, Content::Raw),
        b"iframe" | b"noembed" | b"noframes" => (Gap::Space, Content::Fallback),
        b"article" | b"aside" | b"blockquote" | b"body" | b"dir" | b"dl" | b"fieldset" | b"figure" | b"footer"
        | b"form" | b"frameset" | b"h1" | b"h2" | b"h3" | b"h4" | b"h5" | b"h6" | b"head" | b"header" | b"hgroup"
        | b"hr" | b"html" | b"main" | b"menu" | b"nav" | b"ol" | b"p" | b"plaintext" | b"section" | b"ul" => {
            (Gap::Paragraph, Content::Html)
        }
        b"address" | b"br" | b"center" | b"dd" | b"details" | b"dialog" | b"div" | b"dt" | b"figcaption" | b"legend"
        | b"li" | b"marquee" | b"optgroup" | b"option" | b"search" | b"summary" | b"template" => {
            (Gap::Line, Content::Html)
        }
        b"applet" | b"audio" | b"button" | b"canvas" | b"embed" | b"frame" | b"img" | b"input" | b"meter" | b"object"
        | b"progress" | b"select" | b"svg" | b"video" | b"math" | b"v:imagedata" | b"v:shape" => {
            (Gap::Space, Content::Html)
        }
        b"a" | b"abbr" | b"acronym" | b"area" | b"b" | b"base" | b"basefont" | b"bdi" | b"big" | b"cite"
        | b"code" | b"data" | b"datalist" | b"del" | b"dfn" | b"em" | b"font" | b"g" | b"i" | b"ins" | b"kbd"
        | b"label" | b"link" | b"map" | b"mark" | b"meta" | b"nobr" | b"noscript" | b"o:p" | b"o:smarttagtype"
        | b"output" | b"param" | b"path" | b"picture" | b"q" | b"rp" | b"rt" | b"ruby" | b"s" | b"samp" | b"small"
        | b"source" | b"span" | b"strike" | b"strong" | b"sub" | b"sup" | b"time" | b"track" | b"tt" | b"u" | b"var"
        | b"v:rect" | b"v:shapetype" | b"w:wrap" | b"wbr" | b"xml" => (Gap::None, Content::Html),
        _ => return None,
    })
}

/// Whether an attribute's name says nothing. Most do so only where a value follows: `<Mark Lang>` is somebody.
#[rustfmt::skip]
pub(super) fn is_known_attribute(name: &[u8], has_value: bool) -> bool {
    let mut buffer = [0; LONGEST];
    let Some(name) = lower(name, &mut buffer) else { return false };
    let alone = matches!(name,
        b"allowfullscreen" | b"alt" | b"checked" | b"compact" | b"disabled" | b"hidden" | b"ismap" | b"itemscope"
        | b"moz-do-not-send" | b"multiple" | b"nohref" | b"noresize" | b"noshade" | b"nowrap" | b"readonly"
        | b"required" | b"selected");
    alone || has_value && matches!(name,
        b"abbr" | b"accept-charset" | b"accesskey" | b"action" | b"align" | b"alink" | b"aria-hidden"
        | b"aria-label" | b"aria-labelledby" | b"autocomplete" | b"background" | b"bgcolor" | b"border"
        | b"bordercolor" | b"cellpadding" | b"cellspacing" | b"charset" | b"cite" | b"class" | b"clear"
        | b"color" | b"cols" | b"colspan" | b"content" | b"coords" | b"crossorigin" | b"d" | b"data"
        | b"data-ogsb" | b"data-ogsc" | b"datetime" | b"dir" | b"enctype" | b"face" | b"fill" | b"for"
        | b"frame" | b"frameborder" | b"headers" | b"height" | b"href" | b"hreflang" | b"hspace"
        | b"http-equiv" | b"id" | b"itemid" | b"itemprop" | b"itemtype" | b"label" | b"lang"
        | b"language" | b"leftmargin" | b"link" | b"loading" | b"longdesc" | b"marginheight" | b"marginwidth"
        | b"maxlength" | b"media" | b"method" | b"name"
        | b"onclick" | b"onload" | b"placeholder" | b"profile" | b"referrerpolicy" | b"rel" | b"rev"
        | b"role" | b"rows" | b"rowspan" | b"rules" | b"scheme" | b"scope" | b"scrolling" | b"shape"
        | b"size" | b"sizes" | b"span" | b"src" | b"srcdoc" | b"srcset" | b"start" | b"style" | b"summary"
        | b"tabindex" | b"target" | b"text" | b"title" | b"topmargin" | b"translate" | b"type" | b"usemap" | b"valign"
        | b"value" | b"viewbox" | b"vlink" | b"vspace" | b"width" | b"wrap" | b"xml:lang" | b"xmlns" | b"xmlns:m"
        | b"xmlns:o" | b"xmlns:v" | b"xmlns:w" | b"xmlns:x")
}

fn lower<'b>(name: &[u8], buffer: &'b mut [u8; LONGEST]) -> Option<&'b [u8]> {
    let lower = buffer.get_mut(..name.len())?;
    lower.copy_from_slice(name);
    lower.make_ascii_lowercase();
    Some(lower)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_in_any_case() {
        assert_eq!(element(b"TD"), Some((Gap::Cell, Content::Html)));
        assert_eq!(element(b"Script"), Some((Gap::None, Content::Raw)));
        for unknown in ["", "td1", "maria", "maria.lopez@example.com", "an-element-of-more-than-24-bytes"] {
            assert_eq!(element(unknown.as_bytes()), None, "{unknown}");
        }
        assert!(is_known_attribute(b"STYLE", true) && !is_known_attribute(b"lang", false));
        assert!(is_known_attribute(b"noWrap", true) && is_known_attribute(b"nowrap", false));
        for unknown in [b"lopez".as_slice(), b"219-10-9999", b""] {
            assert!(!is_known_attribute(unknown, true) && !is_known_attribute(unknown, false));
        }
    }

    #[test]
    fn a_cell_counts_for_more_than_what_stands_in_it() {
        assert!(Gap::Paragraph < Gap::Cell && Gap::Cell < Gap::Row && Gap::Space < Gap::Line);
    }
}
