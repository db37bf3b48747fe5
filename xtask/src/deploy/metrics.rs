//! The metrics a node exports, read from the catalogue in its source.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail, ensure};

/// How a metric behaves, which decides the names it is exported under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// Metrics by name.
#[derive(Debug)]
pub(super) struct Metrics(pub(super) BTreeMap<String, Kind>);

impl Metrics {
    /// What the exported series `name` is; histograms are exported as three.
    pub(super) fn series(&self, name: &str) -> Option<Kind> {
        let parts = ["_bucket", "_sum", "_count"];
        let whole = parts.iter().find_map(|part| name.strip_suffix(part));
        match self.0.get(name) {
            Some(Kind::Histogram) | None => {
                let kind = self.0.get(whole?)?;
                (*kind == Kind::Histogram).then_some(Kind::Histogram)
            }
            Some(kind) => Some(*kind),
        }
    }
}

/// Reads the constants and the table `CATALOGUE` of the node's `metrics` module.
pub(super) fn registered(source: &str) -> Result<Metrics> {
    let file = syn::parse_file(source)?;
    let constants: BTreeMap<String, &syn::Expr> = file
        .items
        .iter()
        .filter_map(|item| {
            let syn::Item::Const(item) = item else { return None };
            Some((item.ident.to_string(), &*item.expr))
        })
        .collect();
    let catalogue = constants.get("CATALOGUE").context("no table CATALOGUE")?;
    let syn::Expr::Reference(reference) = catalogue else { bail!("CATALOGUE: wanted a slice") };
    let syn::Expr::Array(array) = &*reference.expr else { bail!("CATALOGUE: wanted a slice") };
    let mut metrics = BTreeMap::new();
    for row in &array.elems {
        let syn::Expr::Tuple(row) = row else { bail!("CATALOGUE: wanted rows") };
        let mut cells = row.elems.iter();
        let name = cells.next().and_then(last_segment).context("a row without a name")?;
        let kind = cells.next().and_then(last_segment).context("a row without a kind")?;
        let text = constants.get(&name).with_context(|| format!("no constant {name}"))?;
        let syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) = text else {
            bail!("{name}: wanted a text");
        };
        let kind = match kind.as_str() {
            "Counter" => Kind::Counter,
            "Gauge" => Kind::Gauge,
            "Histogram" => Kind::Histogram,
            other => bail!("{name}: unknown kind {other}"),
        };
        metrics.insert(text.value(), kind);
    }
    ensure!(!metrics.is_empty(), "CATALOGUE is empty");
    Ok(Metrics(metrics))
}

fn last_segment(expression: &syn::Expr) -> Option<String> {
    let syn::Expr::Path(path) = expression else { return None };
    path.path.segments.last().map(|last| last.ident.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "pub const A: &str = \"sekisho_a_total\";\nconst B: &str = \"sekisho_b\";\n\
        pub const CATALOGUE: &[(&str, Kind, &str)] = &[(A, Kind::Counter, \"x\"), \
        (B, Kind::Histogram, \"y\")];\n";

    #[test]
    fn names_and_kinds_are_read_from_the_catalogue() {
        let metrics = registered(SOURCE).unwrap();
        assert_eq!(metrics.series("sekisho_a_total"), Some(Kind::Counter));
        assert_eq!(metrics.series("sekisho_b_bucket"), Some(Kind::Histogram));
        assert_eq!(metrics.series("sekisho_b"), None);
        assert_eq!(metrics.series("sekisho_a_total_sum"), None);
        assert_eq!(metrics.series("sekisho_c"), None);
    }

    #[test]
    fn a_source_without_a_catalogue_is_refused() {
        assert!(registered("const A: &str = \"a\";").is_err());
        assert!(registered("pub const CATALOGUE: &[u8] = &[];").is_err());
    }
}
