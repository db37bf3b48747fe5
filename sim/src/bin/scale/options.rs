//! What is measured, as it was asked for.

use std::path::PathBuf;

use sekisho_sim::scale::Plan;

const USAGE: &str = "usage: scale [--nodes 10,30,100] [--topics-per-node N] \
    [--subscriptions-per-node N] [--samples N] [--seed N] [--topics-most N] \
    [--subscriptions-most N] [--peers-most N] [--json FILE] [--plots FOLDER] [--from FILE]";

#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) nodes: Vec<usize>,
    pub(crate) plan: Plan,
    pub(crate) topics_most: usize,
    pub(crate) subscriptions_most: usize,
    pub(crate) peers_most: usize,
    /// Figures of an earlier run, to be drawn again.
    pub(crate) from: Option<PathBuf>,
    pub(crate) json: Option<PathBuf>,
    pub(crate) plots: Option<PathBuf>,
}

/// An option that is not one.
#[derive(Debug, thiserror::Error)]
#[error("{option}: wanted {wanted}, found {found:?}\n{USAGE}")]
pub(crate) struct Misunderstood {
    option: String,
    wanted: &'static str,
    found: String,
}

impl Options {
    pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Self, Misunderstood> {
        let mut options = Self {
            nodes: vec![10, 30, 100],
            plan: Plan::default(),
            topics_most: 1_000_000,
            subscriptions_most: 100_000,
            peers_most: 1_000,
            from: None,
            json: None,
            plots: None,
        };
        let mut arguments = arguments;
        while let Some(option) = arguments.next() {
            let value = arguments.next().unwrap_or_default();
            match option.as_str() {
                "--nodes" => {
                    let sizes = value.split(',').map(|size| number(&option, size));
                    options.nodes = sizes.collect::<Result<_, _>>()?;
                }
                "--topics-per-node" => options.plan.topics_per_node = number(&option, &value)?,
                "--subscriptions-per-node" => {
                    options.plan.subscriptions_per_node = number(&option, &value)?;
                }
                "--samples" => options.plan.samples = number(&option, &value)?,
                "--seed" => options.plan.seed = number(&option, &value)?,
                "--topics-most" => options.topics_most = number(&option, &value)?,
                "--subscriptions-most" => options.subscriptions_most = number(&option, &value)?,
                "--peers-most" => options.peers_most = number(&option, &value)?,
                "--from" => options.from = Some(path(&option, &value)?),
                "--json" => options.json = Some(path(&option, &value)?),
                "--plots" => options.plots = Some(path(&option, &value)?),
                _ => {
                    let wanted = "an option of this program";
                    return Err(Misunderstood { found: option.clone(), option, wanted });
                }
            }
        }
        Ok(options)
    }
}

fn number<N: std::str::FromStr>(option: &str, text: &str) -> Result<N, Misunderstood> {
    text.parse().map_err(|_no_number| Misunderstood {
        option: option.to_owned(),
        wanted: "a number",
        found: text.to_owned(),
    })
}

fn path(option: &str, text: &str) -> Result<PathBuf, Misunderstood> {
    let (option, found) = (option.to_owned(), text.to_owned());
    if text.is_empty() {
        return Err(Misunderstood { option, wanted: "a path", found });
    }
    Ok(PathBuf::from(text))
}
